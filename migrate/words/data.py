"""Rows: reading and copying them, and holding still meanwhile. Pure data."""

from __future__ import annotations

from understudy.migrate.words.word import MARIA, MY, Row, Word, both

_SIGHT = "SELECT, SHOW VIEW, TRIGGER, EVENT"  # without the last two there seem to be no triggers and no events
_MAKING = "SELECT, INSERT, DELETE, CREATE, DROP, ALTER, CREATE VIEW, CREATE ROUTINE, TRIGGER, EVENT"

TABLE: tuple[Row, ...] = (
    *both(Word.READ_ROWS, "SELECT 1 FROM mysql.time_zone LIMIT 1", "SELECT"),
    *both(Word.COPY_FROM, "SELECT 1 FROM mysql.help_category LIMIT 1", _SIGHT),
    Row(Word.COPY_TO, MY, (5, 5), "DROP TABLE IF EXISTS mysql.understudy_build", f"{_MAKING}, REFERENCES, SUPER"),
    Row(
        Word.COPY_TO,
        MY,
        (8, 0, 16),  # a definer may be an account that has SYSTEM_USER
        "DROP TABLE IF EXISTS mysql.understudy_build",
        f"{_MAKING}, REFERENCES, SUPER, SYSTEM_USER, SESSION_VARIABLES_ADMIN",
    ),
    Row(Word.COPY_TO, MARIA, (10, 0), "DROP TABLE IF EXISTS mysql.understudy_build", f"{_MAKING}, SUPER"),
    Row(
        Word.COPY_TO,
        MARIA,
        (10, 5, 2),
        "DROP TABLE IF EXISTS mysql.understudy_build",
        f"{_MAKING}, SUPER, BINLOG ADMIN, READ_ONLY ADMIN, SET USER",
    ),
    *both(Word.HOLD_STILL, "FLUSH TABLES WITH READ LOCK", "RELOAD"),
)
