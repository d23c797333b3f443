"""Are the two copies of the data the same: proved with checksums while writes go on, without writing anything.

**Chunks.** A table is cut into ranges of its primary key, or of a unique key without NULLs. Each side computes one
number for a range: how many rows, and the XOR of a number for each row (`hashing`). Ranges are predicates that mean
the same on both sides: keys are compared as numbers, as dates, or under a collation that both sides share (`keys`);
the ranges follow one another without a gap, so every row of either side is in exactly one. A table without such a key
is one chunk, whose rows' numbers are added up, so that a row that is there twice does not cancel itself.

**Moments.** Both sides are asked at the same time and wait for nothing. Let the old side have answered from its
moment P, the new one from its moment Q in the same history. Replication by rows leaves in a row what the last write put
there. So if the answers are equal, each row that was written between P and Q holds the same on both (or the numbers
would differ), and each row that was not written between them was the same at both moments: equal answers prove the
range equal, as of the earlier of the two. Before the first chunk the new side has applied all that the old one held
at the start, so no evidence is older than that. A write that is lost after the evidence is what no checksum of the
past can see; a later run does.

**Rechecks.** Unequal answers prove nothing yet: a write may have come between. The range is narrowed down to keys, and
their rows are looked at in turn (`suspects`): old; new, once it has applied what the old side had then; old again. A
row that once looked the same on both sides is equal, by the argument above. A row that the old side held still for, and
that the new side twice showed otherwise, differs. A row that never holds still remains undecided, and is never called
equal. So lag and races are no finding, and neither is a finding that was not seen twice.

**Peace.** Reading is held while a replica lags or the source has too many threads running (`guard`), and takes turns
with rest, so that what the source's users get done falls by no more than it may (`yielding`). What is proved is kept in
a file, so a killed run goes on where it was (`state`).
"""
