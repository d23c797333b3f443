"""A child in its life, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import sys

import pytest

from conversation import soon, until
from understudy import channel
from understudy.config import Settings, Stack
from understudy.proxy.supervisor import Child

KILLED_IN_A_MESSAGE = f"""
import os
os.write(int(os.environ["{channel.FD_VARIABLE}"]), b'{{"stats": {{"a": 1}}}}\\n{{"stats": {{"a"')
os._exit(7)
"""


async def test_a_child_that_ends_in_the_middle_of_a_message_has_ended_and_the_message_is_none() -> None:
    child = Child("worker", [sys.executable, "-c", KILLED_IN_A_MESSAGE])
    assert await child.live(dict) == 7
    assert child.stats == {"a": 1}


ANSWERS_WHEN_TOLD = f"""
import os, socket
with socket.socket(fileno=int(os.environ["{channel.FD_VARIABLE}"])) as line, line.makefile("rwb", 0) as file:
    file.write(b'{{"ready": true}}\\n')
    for message in file:
        if b'"do":"go on"' in message:
            file.write(b'{{"taken": true}}\\n')
        if b'"do":"end"' in message:
            break
"""


@pytest.mark.parametrize("last", ["go on", "end"])
async def test_settings_are_in_force_once_the_worker_says_so_or_is_gone(last: str) -> None:
    child = Child("worker", [sys.executable, "-c", ANSWERS_WHEN_TOLD])
    life = asyncio.get_running_loop().create_task(child.live(dict))
    await soon(child.ready.wait())
    assert child.settled.is_set()
    for _ in range(2):
        child.use(Settings({"old": Stack("primary", url="http://h:1")}))
    child.send({"do": "go on"})
    await until(lambda: child._untaken == 1)
    assert not child.settled.is_set()
    child.send({"do": last})
    await soon(child.settled.wait())
    child.send({"do": "end"})
    assert await soon(life) == 0
