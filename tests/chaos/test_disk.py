"""The disk fails the recording: users never learn of it, everything is counted, and it goes on when it can."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running import Client, Load, Run, Running
from support import wait_until

SMALL = {"segment_bytes": 16_384, "max_bytes": 1 << 20}
NOTICED_S = 10.0  # nothing here makes a user wait, but a host that takes all cores away


def unrecorded(understudy: Running) -> int:
    return int(understudy.status()["requests"]["unrecorded"])


def held(folder: Path) -> int:
    """Bytes of the segments in `folder`, where the recorder goes on removing some while they are looked at."""
    total = 0
    for segment in folder.glob("*.seg"):
        with contextlib.suppress(FileNotFoundError):
            total += segment.stat().st_size
    return total


def recorded(understudy: Running) -> int:
    return int(understudy.status()["recorded"])


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The folder of the recordings as a file system of 1 MiB, or as many as the test says."""
    folder = tmp_path / "state" / "recordings"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={getattr(request, 'param', 1)}m,mode=700", "tmpfs", folder]
    done = subprocess.run(mount, capture_output=True, text=True) if shutil.which("mount") else None
    if done is None or done.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must be able to mount a tmpfs")
        pytest.skip(f"a tmpfs can't be mounted here: {done.stderr.strip() if done else 'no mount command'}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_on_a_full_disk_the_oldest_segments_go_and_recording_goes_on(run: Run, small_disk: Path) -> None:
    understudy = run(recording={**SMALL, "max_bytes": 1 << 30})
    with Load(understudy.port, "/different") as load:
        load.wait(100)
        wait_until(lambda: recorded(understudy) > 100, what="something is recorded")
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        load.wait(300)
        before = recorded(understudy)
        wait_until(lambda: recorded(understudy) > before, what="it goes on in the room of the oldest")
    assert load.errors == []
    assert load.slowest_s < NOTICED_S
    status = understudy.settled(load.served)
    assert status["judge"]["judged"] + status["judge"]["lost"] == status["recorded"]


# More than may be recorded: as long as the judge reads a segment that went, its room is not free, and a disk that was
# full once more would be told of once more.
@pytest.mark.parametrize("small_disk", [3], indirect=True)
def test_on_a_disk_without_any_room_exchanges_go_unrecorded_until_there_is_room(run: Run, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    understudy = run(recording=SMALL)
    with Load(understudy.port, "/different") as load:
        wait_until(lambda: unrecorded(understudy) > 50, what="exchanges go unrecorded")
        ballast.unlink()
        wait_until(lambda: recorded(understudy) > 50, what="recording goes on")
    assert load.errors == []
    assert load.slowest_s < NOTICED_S
    status = understudy.settled(load.served)
    assert status["requests"]["unrecorded"] > 50
    assert understudy.log.count("exchanges go unrecorded") == 1
    assert understudy.log.count("recording again") == 1


def remove(folder: Path) -> None:
    shutil.rmtree(folder.rename(folder.with_name("removed")))  # at once, or a segment may begin in it meanwhile


def replace_by_a_file(folder: Path) -> None:
    file = folder.with_name("no folder")
    file.touch()
    for number in itertools.count():
        folder.rename(folder.with_name(f"aside {number}"))
        with contextlib.suppress(IsADirectoryError):  # a segment has begun meanwhile, and its folder with it
            file.rename(folder)
            return


@pytest.mark.parametrize("damage", [remove, replace_by_a_file])
def test_a_folder_that_goes_away_costs_no_user_anything(run: Run, damage: Callable[[Path], None]) -> None:
    understudy = run(recording=SMALL)
    folder = understudy.folder / "state" / "recordings"
    with Load(understudy.port, "/different") as load:
        load.wait(100)
        damage(folder)
        load.wait(100)
        if folder.is_file():
            wait_until(lambda: unrecorded(understudy) > 0, what="exchanges go unrecorded")
            folder.unlink()
        before = recorded(understudy)
        wait_until(lambda: recorded(understudy) > before, what="recording goes on")
    assert load.errors == []
    assert load.slowest_s < NOTICED_S
    understudy.settled(load.served)
    assert list(folder.glob("*.seg"))


def test_what_goes_before_it_is_judged_is_counted_as_lost_and_unrecorded(run: Run) -> None:
    understudy = run(recording=SMALL)
    judge = understudy.judge()
    with Load(understudy.port, "/different", clients=8) as load:
        wait_until(lambda: understudy.status()["judge"]["judged"] > 0, what="the judge has begun")
        os.kill(judge, signal.SIGSTOP)
        load.wait(1_500)
        wait_until(lambda: recorded(understudy) >= 1_500, what="more is recorded than there is room for")
        folder = understudy.folder / "state" / "recordings"
        assert held(folder) < 3 << 19
        os.kill(judge, signal.SIGCONT)
    assert load.errors == []
    status = understudy.settled(load.served)
    requests, judged = status["requests"], status["judge"]
    assert judged["lost"] > 0
    assert judged["judged"] + judged["lost"] == status["recorded"] == load.served
    assert requests["unrecorded"] == judged["lost"]
    assert requests["different"] == judged["judged"]
    os.kill(judge, signal.SIGKILL)  # its next life counts what is lost anew, and the sum goes on
    with Client(understudy.port) as client:
        client.get("/different")
    status = understudy.settled(load.served + 1)
    assert status["judge"]["judged"] == judged["judged"] + 1
    assert status["requests"]["unrecorded"] == judged["lost"]
