"""`python -m understudy`, and the command's entry: small, so that Ctrl-C finds it even while the rest is imported."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from understudy.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
