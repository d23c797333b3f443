"""What is done next about a transaction that is to be left out, by what is seen of the server."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from understudy.migrate.rows import Coordinates
from understudy.migrate.versions import Version
from understudy.migrate.watch.case import Thread
from understudy.migrate.watch.channels import Channel
from understudy.migrate.watch.events import Transaction
from understudy.migrate.watch.fault import Fault
from understudy.migrate.watch.skipping import Next, Seen, SkipError, decide, is_behind, past_domain, statements, went_on

MYSQL, MARIA = Version.parse("9.7.4"), Version.parse("11.8.3-MariaDB")
UUID = "dc83f759-e59b-11f1-8e99-0242ac140003"
HERE = Coordinates("b.1", 100)
STOPPED = Channel("old:3306", done=HERE)
RUNNING = replace(STOPPED, applying=True)


def fault(version: Version = MYSQL, gtid: str = "", at: Coordinates = HERE, name: str = "") -> Fault:
    channel = replace(STOPPED, name=name, executed="0-1-6,7-1-3")
    return Fault("new:3306", version, channel, Thread.APPLIER, 1062, "x", transaction=Transaction(gtid=gtid), at=at)


AT_GTID, AT_PLACE, LATER = fault(gtid=f"{UUID}:3"), fault(), fault(at=Coordinates("b.1", 500))


@pytest.mark.parametrize(
    ("seen", "expect", "todo"),
    [
        (Seen(STOPPED, AT_PLACE, False), "b.1:100", Next.LEAVE_OUT),
        (Seen(STOPPED, LATER, False), "b.1:500", Next.SETTLE),
        (Seen(STOPPED, AT_GTID, False), f"{UUID}:3", Next.LEAVE_OUT),
        (Seen(STOPPED, AT_GTID, True), f"{UUID}:3", Next.START),
        (Seen(STOPPED, None, True), f"{UUID}:3", Next.START),
        (Seen(RUNNING, None, True), f"{UUID}:3", Next.NOTHING),
        (Seen(STOPPED, LATER, True), "b.1:100", Next.NOTHING),
        (Seen(STOPPED, fault(MARIA, "0-1-7"), False), "0-1-7", Next.LEAVE_OUT),
    ],
)
def test_what_is_done_next(seen: Seen, expect: str, todo: Next) -> None:
    assert decide(seen, expect) is todo


@pytest.mark.parametrize(
    ("seen", "expect", "why"),
    [
        (Seen(RUNNING, None, False), "b.1:100", "not broken"),
        (Seen(STOPPED, LATER, False), "b.1:100", "another transaction"),
        (Seen(STOPPED, AT_PLACE, False, "ON"), "b.1:100", "gtid_mode=ON"),
        (Seen(STOPPED, replace(AT_PLACE, transaction=None), False), "b.1:100", "can't be told"),
    ],
)
def test_what_is_refused(seen: Seen, expect: str, why: str) -> None:
    with pytest.raises(SkipError, match=why):
        decide(seen, expect)


@pytest.mark.parametrize(
    ("one", "sql"),
    [
        (
            AT_GTID,
            [
                "STOP REPLICA SQL_THREAD", f"SET SESSION gtid_next = '{UUID}:3'", "BEGIN", "COMMIT",
                "SET SESSION gtid_next = 'AUTOMATIC'", "START REPLICA SQL_THREAD",
            ],
        ),
        (AT_PLACE, ["STOP REPLICA SQL_THREAD", "SET GLOBAL sql_replica_skip_counter = 1", "START REPLICA SQL_THREAD"]),
        (
            fault(Version.parse("5.6.24")),
            ["STOP SLAVE SQL_THREAD", "SET GLOBAL sql_slave_skip_counter = 1", "START SLAVE SQL_THREAD"],
        ),
        (
            fault(MARIA, "0-1-7", name="it's"),
            [
                "STOP REPLICA 'it''s' SQL_THREAD", "SET SESSION default_master_connection = 'it''s'",
                "SET GLOBAL sql_slave_skip_counter = 1", "START REPLICA 'it''s' SQL_THREAD",
            ],
        ),
    ],
)  # fmt: skip
def test_how_it_is_done(one: Fault, sql: list[str]) -> None:
    assert [statement.shown() for statement in statements(one)] == sql


@pytest.mark.parametrize(
    ("expect", "behind"),
    [
        ("b.1:99", True),
        ("b.1:100", False),
        ("b.2:4", False),
        ("0-1-6", True),
        ("0-1-7", False),
        ("7-9-3", True),
        ("8-1-1", False),
    ],
)
def test_a_transaction_is_behind_once_the_position_or_its_domain_is_past_it(expect: str, behind: bool) -> None:
    assert is_behind(expect, fault().channel) is behind


def test_mysqls_own_answer_counts_for_its_gtids() -> None:
    assert is_behind(f"{UUID}:3", STOPPED, gtid_executed=True)
    assert not is_behind(f"{UUID}:3", STOPPED, gtid_executed=False)


def test_it_has_gone_on_when_it_runs_past_or_fails_later() -> None:
    assert went_on(Seen(RUNNING, None, True), "b.1:50")
    assert not went_on(Seen(STOPPED, None, True), "b.1:50")
    assert not went_on(Seen(STOPPED, AT_PLACE, False), "b.1:100")
    assert went_on(Seen(STOPPED, LATER, False), "b.1:100")


def test_where_mariadb_counts_nothing_the_position_that_passes_it_is_said() -> None:
    assert past_domain(fault(MARIA, "0-1-7")) == "SET GLOBAL gtid_slave_pos = '7-1-3,0-1-7'"
