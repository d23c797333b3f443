"""The benchmark's files are a program, not a package: they find each other beside run.py."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "bench"))
