"""Understudy: shadow a live site on its next database, judge the differences, cut over.

Three packages, one theory each: `understudy.proxy` serves the user from the primary stack alone,
`understudy.diffs` judges what the shadows answered differently, `understudy.migrate` moves the
MySQL replication tree beneath. They never import one another; `understudy.cli` wires them.
"""

__version__ = "0.1.0"
