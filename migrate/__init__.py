"""The replication tree: every step is written down before it is taken and says how it is undone."""
