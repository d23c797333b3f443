"""What would break in the new version, as rules over facts that were collected beforehand.

A rule is pure: it looks at a `case.Case` and yields findings. One small file a family.
"""
