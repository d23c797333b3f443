"""A kept sample in sentences, by DeepDiff: what changed where, the way its users know it.

Comparing itself is a walk of our own: DeepDiff takes 1.5 ms for 1 KB and 160 ms for 100 KB, which a few samples are
worth and every exchange is not.
"""

from __future__ import annotations

import json
from typing import Final

from understudy.coding import decode
from understudy.diffs.difference import printable
from understudy.errors import CodingError
from understudy.exchange import Answer, Reply

MAX_BYTES: Final = 64 * 1024
MAX_SENTENCES: Final = 20


def explain(old: Answer, new: Answer) -> list[str]:
    """Sentences on how two JSON bodies differ; none where they are no JSON, long, or nested too deeply for DeepDiff."""
    from deepdiff import DeepDiff  # a fifth of a second to import, for this alone

    before, after = _document(old), _document(new)
    if before is None or after is None:
        return []
    try:
        said = DeepDiff(before[0], after[0], verbose_level=2).pretty()
    except RecursionError:  # at a depth of 300 already; Python's own JSON takes 990
        return []
    sentences = [printable(line) for line in said.splitlines() if line]
    hidden = len(sentences) - MAX_SENTENCES
    return sentences[:MAX_SENTENCES] + ([f"… and {hidden} more"] if hidden > 0 else [])


def _document(answer: Answer) -> tuple[object] | None:
    if not isinstance(answer, Reply) or "json" not in answer.header("content-type"):
        return None
    try:
        body = decode(answer.body, answer.header("content-encoding"), MAX_BYTES)
        return (json.loads(body),)
    except (CodingError, ValueError, RecursionError):
        return None
