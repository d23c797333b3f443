"""One transaction is left out, once, whatever happens meanwhile; nothing is done unless it is ordered."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.breaking import SERVERS, Pair, broken, caught_up, channel, counted, is_broken, run, run_behind
from integration.least import PASSWORD, USER, granted
from integration.operating import Operator
from integration.trees import NEW, Node, Running, follow, read_only, settled, tree
from support import wait_until
from understudy.migrate.clock import SystemClock
from understudy.migrate.journal import Event, Journal, read
from understudy.migrate.watch.fault import failing
from understudy.migrate.watch.skip import Order, Outcome, Skipping
from understudy.migrate.watch.skipping import SkipError
from understudy.migrate.words import Word

pytestmark = pytest.mark.integration

KINDS = ("5.6 to 9.7", "9.7 by GTID", "MariaDB by position", "MariaDB by GTID")
WHERE = "id BETWEEN 100 AND 199"
KILLED = """
import os, signal, sys
from understudy.config import Tls
from understudy.migrate import journal, mysql
from understudy.migrate.clock import SystemClock
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.sqltext import Secret
from understudy.migrate.watch.skip import Order, Skipping

server, expect, file, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
left = count
intended = False
write, execute = journal.Journal.write, mysql.Session.execute

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def counting_write(self, event, *more, **detail):
    global intended
    entry = write(self, event, *more, **detail)
    if event is journal.Event.SKIP:
        intended = True
        if count == 0:
            die()
    return entry

def counting_execute(self, sql, *arguments):
    global left
    done = execute(self, sql, *arguments)
    if intended and "lock_wait_timeout" not in str(sql):
        left -= 1
        if left == 0:
            die()
    return done

journal.Journal.write, mysql.Session.execute = counting_write, counting_execute
login = Login("root", Secret("understudy"), Tls(verify="none", minimum="1.0"), read_s=60.0)
with journal.Journal.open(__import__("pathlib").Path(file), SystemClock(), "skip") as held:
    Skipping(mysql.MySql(OneLogin(login)), SystemClock(), Order(server, "killed on the way", expect), {}).run(held)
"""


@pytest.fixture
def twice_broken(pairs: dict[str, Pair], request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A replica that fails at row 101, and once that is left out at row 102; 103 would arrive."""
    pair = pairs[request.param]
    yield from breaking_twice(pair)


def breaking_twice(pair: Pair) -> Iterator[Pair]:
    heal(pair)
    run(pair.source, "TRUNCATE TABLE b.t")
    caught_up(*pair)
    run_behind(pair.replica, "INSERT INTO b.t VALUES (101, 'there'), (102, 'there')")
    run(pair.source, *(f"INSERT INTO b.t VALUES ({number}, 'new')" for number in (101, 102, 103)))
    at = pair.source.coordinates()
    wait_until(lambda: is_broken_with_all(pair.replica, (at.file, at.position)), 30, "the replica is broken")
    yield pair
    heal(pair)


def is_broken_with_all(replica: Running, at: tuple[str, int]) -> bool:
    """Whether it failed and has received all of its source's log, so that what it fails at next is there already."""
    now = channel(replica)
    rests = is_broken(now) and "to send event" in now.receiver_state
    return rests and (now.read.file, now.read.position) == at


def heal(pair: Pair) -> None:
    """Leave out what it fails at until it goes on."""
    with tempfile.TemporaryDirectory() as folder:
        while failing(channel(pair.replica)):
            order(pair, broken(pair.replica).expect, Path(folder, "journal.jsonl"))
    caught_up(*pair)


def order(pair: Pair, expect: str, file: Path) -> Outcome:
    with Journal.open(file, SystemClock(), "skip") as journal:
        skipping = Skipping(SERVERS, SystemClock(), Order(pair.replica.address, "a reason", expect), {})
        return skipping.run(journal)


@pytest.mark.parametrize("twice_broken", KINDS, indirect=True)
def test_one_is_left_out_however_often_it_is_ordered_and_the_next_is_told(twice_broken: Pair, tmp_path: Path) -> None:
    expect = broken(twice_broken.replica).expect
    journal = tmp_path / "journal.jsonl"
    first = order(twice_broken, expect, journal)
    assert not first.was_done
    assert first.next_break is not None
    assert first.next_break.expect not in ("", expect)
    again = order(twice_broken, expect, journal)
    assert again.was_done
    assert again.next_break is not None
    assert again.next_break.expect == first.next_break.expect
    second = order(twice_broken, first.next_break.expect, journal)
    assert (second.was_done, second.next_break) == (False, None)
    caught_up(*twice_broken)
    assert counted(twice_broken.replica, f"SELECT COUNT(*) FROM b.t WHERE {WHERE}") == 3
    assert counted(twice_broken.replica, "SELECT COUNT(*) FROM b.t WHERE v = 'there'") == 2
    events = [entry.event for entry in read(journal).entries if entry.step]
    assert events == [Event.SKIP, Event.DONE, Event.SKIP, Event.DONE]


@pytest.mark.parametrize(
    ("twice_broken", "kill_after"),
    [
        *(("5.6 to 9.7", number) for number in range(4)),  # intent, stop, counter, start
        *(("9.7 by GTID", number) for number in (0, 2, 4, 5)),  # intent, the GTID taken, committed, given back
        *(("MariaDB by GTID", number) for number in (0, 2)),
    ],
    indirect=["twice_broken"],
)
def test_killed_at_any_point_and_ordered_again_one_is_left_out(
    twice_broken: Pair, kill_after: int, tmp_path: Path
) -> None:
    expect = broken(twice_broken.replica).expect
    journal = tmp_path / "journal.jsonl"
    arguments = [twice_broken.replica.address, expect, str(journal), str(kill_after)]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done
    broken(twice_broken.replica)  # killed just after START, it has yet to come to the next one
    outcome = order(twice_broken, expect, journal)
    assert outcome.next_break is not None
    assert outcome.next_break.expect != expect
    assert counted(twice_broken.replica, "SELECT COUNT(*) FROM b.t WHERE v = 'there'") == 2
    assert counted(twice_broken.replica, f"SELECT COUNT(*) FROM b.t WHERE {WHERE}") == 2
    assert read(journal).entries[1].detail["reason"] == "killed on the way"


def test_what_is_not_broken_or_at_another_place_is_left_alone(pairs: dict[str, Pair], tmp_path: Path) -> None:
    for kind in KINDS:
        pair = pairs[kind]
        with pytest.raises(SkipError, match="not broken"):
            order(pair, f"binlog.999999:{4}", tmp_path / "j1")
        for _ in breaking_twice(pair):
            at = channel(pair.replica).done
            with pytest.raises(SkipError, match="another transaction"):
                order(pair, "binlog.999999:4", tmp_path / "j2")
            assert channel(pair.replica).done == at
            assert not [entry for entry in read(tmp_path / "j2").entries if entry.event is Event.SKIP]


@pytest.mark.parametrize("twice_broken", ["5.6 to 9.7"], indirect=True)
def test_the_command_shows_first_and_does_only_what_was_shown(twice_broken: Pair, tmp_path: Path) -> None:
    source, replica = twice_broken
    more = f'[migrate.target]\nnew_source = "{replica.address}"'
    ask = Operator(tmp_path, source.address, more).ask
    at = channel(replica)
    shown = ask("skip", replica.address, "--reason", "ticket 7: wrote it by hand")
    assert shown.code == 0, shown
    assert "SET GLOBAL sql_replica_skip_counter = 1;" in shown.out
    assert "INSERT INTO b.t VALUES (101, 'new')" in shown.out
    assert "Nothing has been changed" in shown.out
    assert "understudy migrate verify" in shown.out
    expect = shown.out.split("--expect ")[1].split()[0]
    assert channel(replica) == at, "shown, and nothing else"
    without = ask("skip", replica.address, "--reason", "x", "--execute")
    assert without.code == 1
    assert "--expect" in without.err
    old = ask("skip", source.address, "--reason", "x", "--expect", expect, "--execute")
    assert old.code == 1
    assert "not on the new side" in old.err
    done = ask("skip", replica.address, "--reason", "ticket 7: wrote it by hand", "--expect", expect, "--execute")
    assert done.code == 4, "the next one fails too"
    assert "breaks again" in done.out
    journal = next(tmp_path.rglob("journal.jsonl")).read_text()
    assert "ticket 7: wrote it by hand" in journal
    assert "(101, …)" in journal, "statements are written down without their values"


def test_after_an_error_among_several_workers_the_right_one_is_left_out_over_a_named_channel(tmp_path: Path) -> None:
    name = "it's 5% `ours`"
    with tree(Node("a", "mysql-9.7", options=NEW), Node("b", "mysql-9.7", options=NEW)) as servers:
        pair = Pair(servers["a"], servers["b"])
        follow(pair.replica, pair.source, channel=name)
        settled(pair.replica)
        read_only(pair.replica)
        tables = ("t", "u", "v")
        run(pair.source, "CREATE DATABASE b", *(f"CREATE TABLE b.{one} (id INT PRIMARY KEY)" for one in tables))
        caught_up(*pair)
        run_behind(pair.replica, "INSERT INTO b.t VALUES (20)")
        with pair.replica.sql() as session:
            session.execute(session.dialect.sql(Word.STOP_APPLIER, name))
            writers = [
                threading.Thread(
                    target=run, args=(pair.source, *(f"INSERT INTO b.{one} VALUES ({i})" for i in range(60)))
                )
                for one in tables
            ]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            session.execute(session.dialect.sql(Word.START_APPLIER, name))
        try:
            outcome = order(pair, broken(pair.replica).expect, tmp_path / "journal")
        except SkipError:  # among workers another one was told of first; by now the place is exact
            outcome = order(pair, broken(pair.replica).expect, tmp_path / "journal")
        assert outcome.next_break is None
        caught_up(*pair)
        for one in tables:
            assert counted(pair.replica, f"SELECT COUNT(*) FROM b.{one}") == 60


def test_a_named_connection_of_mariadb_skips_its_own(tmp_path: Path) -> None:
    with tree(Node("a", "mariadb-10.5"), Node("b", "mariadb-11.8")) as servers:
        pair = Pair(servers["a"], servers["b"])
        follow(pair.replica, pair.source, channel="ours")
        settled(pair.replica)
        read_only(pair.replica)
        run(pair.source, "CREATE DATABASE b", "CREATE TABLE b.t (id INT PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB")
        for _ in breaking_twice(pair):
            outcome = order(pair, broken(pair.replica).expect, tmp_path / "journal")
            assert outcome.next_break is not None
        assert counted(pair.replica, "SELECT COUNT(*) FROM b.t") == 3


@pytest.mark.parametrize("kind", KINDS[:3])
def test_the_least_account_watches_and_skips(kind: str, pairs: dict[str, Pair], tmp_path: Path) -> None:
    pair = pairs[kind]
    more = f'[migrate.target]\nnew_source = "{pair.replica.address}"'
    ask = Operator(tmp_path, pair.source.address, more, user=USER, password=PASSWORD).ask
    servers = {"source": pair.source, "replica": pair.replica}
    for _ in breaking_twice(pair):
        with granted(servers, ("watch", "skip")):
            watched = ask("watch", "--once")
            assert watched.code == 4, watched
            assert "not known  " not in watched.out
            shown = ask("skip", pair.replica.address, "--reason", "x")
            assert shown.code == 0, shown
            expect = shown.out.split("--expect ")[1].split()[0]
            done = ask("skip", pair.replica.address, "--reason", "x", "--expect", expect, "--execute")
            assert done.code == 4, done
