"""What each flavour and version calls things: a table for each subject. Pure.

A row is (word, flavour, first version, SQL, privilege). The row with the newest version that a server has reached is
its own; one without SQL says that the word is gone from there on. `{channel}` is where a channel's name goes: " FOR
CHANNEL 'x'" on MySQL, " 'x'" on MariaDB, nothing for the default one. The privilege is the least that runs the
statement; empty where an account without any may.

Sources: MySQL 8.0 and 8.4 release notes for the renamings (8.0.22 SHOW REPLICA STATUS, 8.0.23 CHANGE REPLICATION
SOURCE TO, 8.0.26 SOURCE_POS_WAIT and variables, 8.2.0 SHOW BINARY LOG STATUS and no expire_logs_days, 8.4.0 the old
forms removed); MariaDB knowledge base for 10.5.1 (REPLICA as a synonym) and 10.5.2 (SUPER divided).
tests/integration/test_dialects.py runs every row on real servers, with the privilege named here and with none.

A new word goes into `word`, its rows into the table of its subject.
"""

from __future__ import annotations

from understudy.migrate.words import accounts, catalogue, data, logs, replication, server
from understudy.migrate.words.word import Row, Word

__all__ = ["TABLE", "Row", "Word"]

TABLE: tuple[Row, ...] = (
    *replication.TABLE,
    *logs.TABLE,
    *server.TABLE,
    *accounts.TABLE,
    *catalogue.TABLE,
    *data.TABLE,
)
