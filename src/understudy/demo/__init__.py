"""A site in miniature to try Understudy on: one shop on two databases, the real Understudy before them, shoppers.

It stands beneath the command line and beside nothing: it starts `understudy run` and `understudy diffs report` as
anybody would, and imports neither the proxy nor the judge.
"""

from __future__ import annotations


def run(seconds: float, stay: bool, as_json: bool) -> int:
    """Play the demo and answer the exit code: 0 when it ran through, 130 when it was interrupted.

    `seconds` is how long the shoppers shop; `stay` keeps everything running afterwards until Ctrl-C; `as_json`
    prints one JSON object and nothing else on standard output. Raises UnderstudyError where a child can't be
    started or ends by itself.
    """
    # Late, because `python -m understudy.demo.shop` imports this package and needs none of it.
    from understudy.demo.play import play

    return play(seconds=seconds, stay=stay, as_json=as_json)
