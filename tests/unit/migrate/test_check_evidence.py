"""What verify has left, as rules judge it; and what is left of rules' facts where the files are broken."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from understudy.migrate.checks.case import Case, Side, Wishes
from understudy.migrate.checks.collect_left import evidence
from understudy.migrate.checks.evidence import RULES
from understudy.migrate.checks.examine import examine
from understudy.migrate.checks.finding import Finding, Severity
from understudy.migrate.checks.left import Change, Evidence
from understudy.migrate.clock import SystemClock
from understudy.migrate.facts import Channel, Server
from understudy.migrate.journal import Event, Journal, place
from understudy.migrate.topology import grow
from understudy.migrate.verify import finding, options, reporting
from understudy.migrate.verify.options import Outcome, Result, TableOutcome
from understudy.migrate.versions import Version

OLD, MIDDLE, NEW = "old:3306", "middle:3306", "new:3306"
DAY_S = 86_400
NOW_S = 1_800_000_000.0
OF_OLD, OF_NEW = ({"server_uuid": name, "server_id": "1"} for name in ("old's", "new's"))
ANOTHER = OF_NEW | {"server_uuid": "another's"}
FOLLOWS = Channel(MIDDLE, receiving=True, applying=True)


def outcome(**more: Any) -> Outcome:
    """An equal pair, compared a day ago within an hour."""
    made = Outcome(
        Result.EQUAL, options.Side(OLD, "", OF_OLD), options.Side(NEW, "", OF_NEW), NOW_S - DAY_S - 3600,
        NOW_S - DAY_S, "", "", False, False, 5, 5.0, 1.0,
    )  # fmt: skip
    return reporting.sealed(replace(made, **more))


def case(*runs: Outcome, channel: Channel | None = FOLLOWS, is_there: bool = True, **more: Any) -> Case:
    """5.6, a replica of it, and beneath that 9.7, with these runs in the report."""
    old, new = Version.parse("5.6.24"), Version.parse("9.7.4")
    seen = [Server(OLD, old, 1), Server(MIDDLE, old, 2, channels=(replace(FOLLOWS, source=OLD),))]
    if is_there:
        seen.append(Server(NEW, new, 3, channels=(channel,) if channel else ()))
    side = Side(NEW, new, OF_NEW) if is_there else None
    left = Evidence(NOW_S, runs=runs, **more)
    return Case(Side(OLD, old, OF_OLD), new, grow(seen), new=side, evidence=left)


def told(made: Case) -> list[Finding]:
    return examine(made, RULES)


def differing(*names: str) -> tuple[TableOutcome, ...]:
    return tuple(TableOutcome(name, Result.DIFFERENT) for name in names)


GRANT = finding.Finding(finding.Kind.GRANT, "'app'@'%'", "it lacks SELECT")


@pytest.mark.parametrize(
    ("made", "rule", "about"),
    [
        (case(outcome()), "", ""),
        (case(), "verify-missing", "no report of old:3306 and it"),
        (case(trouble="report.json: cut off"), "verify-missing", "can't be read: report.json: cut off"),
        (case(outcome(new=options.Side(NEW, "", ANOTHER))), "verify-missing", "no report of"),
        (case(outcome(old=options.Side(OLD, "", ANOTHER))), "verify-missing", "no report of"),
        (case(outcome(new=options.Side(NEW))), "verify-missing", "no report of"),
        (case(outcome(new=options.Side("10.0.0.9:3306", "", OF_NEW))), "", ""),
        (case(outcome(), outcome(old=options.Side(NEW, "", ANOTHER))), "", ""),
        (case(is_there=False), "", ""),
        (case(channel=None), "", ""),
        (case(channel=replace(FOLLOWS, source="elsewhere:3306")), "", ""),
        (case(channel=replace(FOLLOWS, applying=False)), "", ""),
        (case(outcome(result=Result.DIFFERENT), channel=None), "", ""),
        (
            case(outcome(result=Result.DIFFERENT, tables=differing("a", "b", "c", "d", "e"))),
            "verify-not-equal",
            "different to old:3306 by the last report: a, b, c and 2 more",
        ),
        (case(outcome(result=Result.DIFFERENT, findings=(GRANT,))), "verify-not-equal", "'app'@'%'"),
        (case(outcome(result=Result.UNDECIDED, why=("it was ended",))), "verify-not-equal", "it was ended"),
        (case(outcome(only=("shop.*", "crm.*"))), "verify-not-equal", "only tables like shop.*, crm.* were"),
        (
            case(outcome(ignore=("c.*", "*.log"), ignored=("c.x", "d.log"))),
            "verify-not-equal",
            "equal to old:3306 by the last report: tables like c.*, *.log were ignored: c.x, d.log",
        ),
        (case(outcome(ignore=("c.*",))), "", ""),
        (case(outcome(data_only=True)), "verify-not-equal", "grants were not compared"),
        (case(outcome(result=Result.DIFFERENT), outcome()), "", ""),
        (case(outcome(), outcome(result=Result.DIFFERENT)), "verify-not-equal", "different"),
        (case(outcome(ended_s=NOW_S - 7 * DAY_S)), "", ""),
        (case(outcome(ended_s=NOW_S - 8 * DAY_S)), "verify-old", "8 days ago"),
        (case(replace(outcome(), rows=6)), "verify-old", "was edited"),
        (case(outcome(), changes=(Change(NEW, "a copy", NOW_S),)), "verify-old", "of a copy since"),
        (case(outcome(), changes=(Change(NEW, "a copy", NOW_S - 2 * DAY_S),)), "", ""),
        (case(outcome(), changes=(Change("other:3306", "a copy", NOW_S),)), "", ""),
    ],
)  # fmt: skip
def test_a_comparison_of_these_two_that_is_whole_equal_and_recent_is_wanted(made: Case, rule: str, about: str) -> None:
    found = told(made)
    assert [one.rule for one in found] == [rule] * bool(rule), found
    assert all(about in one.found and one.server == NEW for one in found)
    assert all(one.mend == ("understudy migrate verify --old old:3306 --new new:3306",) for one in found)
    assert all((one.severity is Severity.WARNING) == (rule == "verify-old") for one in found)


def test_how_old_is_too_old_is_a_setting() -> None:
    made = case(outcome(ended_s=NOW_S - 8 * DAY_S))
    assert told(replace(made, wishes=Wishes(verify_days=9))) == []
    assert [one.rule for one in told(replace(case(outcome()), wishes=Wishes(verify_days=0)))] == ["verify-old"]


def written(state: Path, content: bytes) -> Evidence:
    """What is read of a report of this content."""
    file = state / "migrate" / "verify" / "report.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return evidence(state, SystemClock())


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert evidence(tmp_path, SystemClock()).runs == ()
    one = outcome(tables=differing("shop.t"), findings=(GRANT,), only=("shop.*",))
    read = written(tmp_path, msgspec.json.format(msgspec.json.encode({"runs": [one]}), indent=1))
    assert (read.runs, read.trouble) == ((one,), "")
    assert reporting.sealed(read.runs[0]) == one


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"runs": [',
        b"[]",
        b"{}",
        b'{"runs": [{}]}',
        b'{"runs": [{"result": "fine"}]}',
        b"\xff",
        b'{"runs": "\xff"}',
        b"[" * 100_000,
        b'{"x": ' + b"[" * 100_000,
    ],
    ids=range(10),
)
def test_a_report_that_is_broken_is_said_to_be(tmp_path: Path, content: bytes) -> None:
    read = written(tmp_path, content)
    assert read.runs == ()
    assert read.trouble.startswith(str(tmp_path))
    made = replace(case(), evidence=read)
    assert [one.found for one in told(made)] == [f"the report can't be read: {read.trouble}"]


def test_what_can_not_be_opened_is_said_too(tmp_path: Path) -> None:
    (tmp_path / "migrate" / "verify" / "report.json").mkdir(parents=True)
    assert evidence(tmp_path, SystemClock()).trouble.endswith("report.json: Is a directory")


def test_copies_and_skips_of_the_journal_are_known_by_their_server(tmp_path: Path) -> None:
    clock = SystemClock()
    with Journal.open(place(tmp_path), clock, "test") as journal:
        journal.write(Event.INTENT, "02-copy-new-copy-1:3306")
        journal.write(Event.DONE, "02-copy-new-copy-1:3306")
        journal.write(Event.INTENT, "03-attach-a-copy-b:3306")
        journal.write(Event.SKIP, "skip-new:3306-7", server="new:3306")
    read = written(tmp_path, json.dumps({"runs": []}).encode())
    assert [(one.server, one.what) for one in read.changes] == [
        ("new-copy-1:3306", "a copy"),
        ("new:3306", "a transaction left out"),
    ]
    assert all(abs(one.at_s - datetime.now(UTC).timestamp()) < 600 for one in read.changes)
