"""The demo from curtain to curtain: open the stage, let the shoppers in, wait for the judge, show the report."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiohttp
import msgspec

from understudy.demo.children import LOOK_S, output, run
from understudy.demo.faults import FAULTS, sightings
from understudy.demo.screen import Screen
from understudy.demo.stage import Stage, stage
from understudy.demo.traffic import Till, shop
from understudy.errors import UnderstudyError

T = TypeVar("T")

JUDGED_S = 120.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def play(seconds: float, stay: bool, as_json: bool) -> int:
    """See `understudy.demo.run`."""
    screen = Screen(as_json)
    with asyncio.Runner() as runner:
        return runner.run(_interruptible(_play(screen, seconds, stay), screen))


async def _interruptible(work: Coroutine[Any, Any, None], screen: Screen) -> int:
    """Do the work and answer the exit code; the first signal ends it in order, further ones change nothing."""
    loop, here = asyncio.get_running_loop(), asyncio.current_task()
    assert here is not None
    came: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        came.append(number)
        if len(came) == 1:
            here.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        await work
    except asyncio.CancelledError:
        screen.interrupted()
        return 128 + came[0]  # as a shell has it for a command that a signal ended
    finally:
        if came:
            _be_deaf(loop)
    return 0


def _be_deaf(loop: asyncio.AbstractEventLoop) -> None:
    """Let no further signal break into the end of the process, after the loop, where each prints a traceback."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    for number in SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


async def _play(screen: Screen, seconds: float, stay: bool) -> None:
    with stage() as here:
        with screen.opening():
            await here.open()
        screen.opened(here)
        report = await _watched(here, _show(here, screen, seconds))
        if stay:
            screen.staying(here, _sample(report))
            await _stay(here)
    screen.goodbye(stay)


async def _watched(here: Stage, work: Coroutine[Any, Any, T]) -> T:
    """Do the work, and give up when a child ends under it. Raises StartError."""
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(here.children.watch(), name="watch the children")
            done = await work
            watch.cancel()
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return done


async def _stay(here: Stage) -> None:
    try:
        await here.children.watch()
    except asyncio.CancelledError:  # by Ctrl-C, which is how a stay ends
        return


async def _show(here: Stage, screen: Screen, seconds: float) -> dict[str, Any]:
    """The show itself; answers the report."""
    till = Till()
    with screen.shopping(till, seconds):
        await shop(here.url("front"), seconds, till)
    with screen.judging() as tell:
        status = await _judged(here, till, tell)
    command = ["-m", "understudy", "diffs", "report", "-c", str(here.settings)]
    report: dict[str, Any] = msgspec.json.decode(await output([*command, "--json"], here.folder))
    found = sightings(report)
    if screen.as_json:
        screen.result(_result(till, status, found, report))
        return report
    screen.judged(status["requests"])
    with screen.reporting(here):
        await run(command, here.folder)
    screen.found(found, till)
    return report


def _sample(report: dict[str, Any]) -> str:
    """The ID of an exchange that shows the gravest difference."""
    samples = [sample for row in report["differences"] for sample in row["samples"]]
    return samples[0] if samples else "ID"


def _result(seen: Till, status: Any, found: dict[str, bool], report: Any) -> dict[str, Any]:
    return {
        "shoppers": {"requests": seen.requests, "errors": seen.errors, "outcomes": seen.outcomes},
        "faults": [{**fault._asdict(), "found": found[fault.field]} for fault in FAULTS],
        "requests": status["requests"],
        "report": report,
    }


async def _judged(here: Stage, till: Till, tell: Callable[[int], None]) -> Any:
    """The status once every request is accounted for and the judge has read all that was recorded."""
    try:
        async with asyncio.timeout(JUDGED_S), aiohttp.ClientSession(here.url("control")) as session:
            while True:
                async with session.get("/status") as answer:
                    status = await answer.json()
                tell(status["judge"]["judged"])
                if _at_rest(status, till.requests):
                    return status
                await asyncio.sleep(LOOK_S)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnderstudyError(f"the judge did not come to an end within {JUDGED_S:g} s: {error!r}") from error


def _at_rest(status: dict[str, Any], sent: int) -> bool:
    requests: dict[str, int] = status["requests"]
    received = requests["received"]
    in_buckets = sum(count for bucket, count in requests.items() if bucket not in ("received", "rejected"))
    return received == in_buckets >= sent and status["in_flight"] == status["judge"]["backlog"] == 0
