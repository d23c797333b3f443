"""The judge's tables."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

SCHEMA: Final = """
-- totals over everything judged: judged, different, lost_equal, torn, ...; and last_at, when the last of it was asked
-- (whole unix seconds, of which the greatest is kept)
CREATE TABLE total (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;

-- how far each run of the recordings is read
CREATE TABLE position (
    run TEXT PRIMARY KEY, first INTEGER NOT NULL, "offset" INTEGER NOT NULL, done INTEGER NOT NULL,
    equal INTEGER NOT NULL, different INTEGER NOT NULL, unseen INTEGER NOT NULL
) WITHOUT ROWID;

-- an endpoint as one shadow answers it: requests by outcome, and latency sketches (see sketch.py)
CREATE TABLE pair (
    endpoint TEXT NOT NULL, shadow TEXT NOT NULL,
    equal INTEGER NOT NULL, equal_after_lifting INTEGER NOT NULL, noise INTEGER NOT NULL, settled INTEGER NOT NULL,
    failed INTEGER NOT NULL, different INTEGER NOT NULL,
    old BLOB NOT NULL, new BLOB NOT NULL, delta BLOB NOT NULL, ratio BLOB NOT NULL,
    PRIMARY KEY (endpoint, shadow)
) WITHOUT ROWID;

-- where answers differ, in which way: how many requests, how many places in them, how many asked again
CREATE TABLE place (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL, shadow TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, class TEXT NOT NULL,
    requests INTEGER NOT NULL, places INTEGER NOT NULL, asked INTEGER NOT NULL,
    first_at REAL NOT NULL, last_at REAL NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL,
    UNIQUE (endpoint, shadow, path, kind, class)
);

-- exchanges kept whole: msgpack, compressed by zstd
CREATE TABLE sample (
    id TEXT PRIMARY KEY, exchange_id TEXT NOT NULL, at REAL NOT NULL, endpoint TEXT NOT NULL, exchange BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX sample_by_exchange ON sample (exchange_id);

-- which differences a sample shows, and where in it
CREATE TABLE sample_of (
    place INTEGER NOT NULL REFERENCES place (id), sample TEXT NOT NULL REFERENCES sample (id), path TEXT NOT NULL,
    PRIMARY KEY (place, sample)
) WITHOUT ROWID;
CREATE INDEX sample_of_by_sample ON sample_of (sample)
"""
