"""A child in its life, as its supervisor sees it."""

from __future__ import annotations

import sys

from understudy import channel
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
