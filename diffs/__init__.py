"""Judging: a difference is evidence only when the old stack agrees with itself; all that arrives is accounted for."""
