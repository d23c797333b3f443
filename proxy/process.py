"""A worker's process: told what to serve over its channel, reports once a second, ends in order.

    supervisor -> worker   {"settings": …, "listen": [fd, …], "mask_key": hex}   first
                           {"settings": …}                                         a reload
                           {"stop": seconds}                                       drain, then end
    worker -> supervisor   {"ready": true}   {"stats": …}
                           {"taken": true}   {"refused": "why"}                  for each reload

The end of the channel means that the supervisor is gone: the worker drains and ends too.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import signal
import socket
import sys

import msgspec
import uvloop

from understudy import channel, logs
from understudy.config import Settings
from understudy.errors import UnderstudyError
from understudy.proxy.worker import Worker, run_name, tune_process

log = logging.getLogger(__name__)

REPORT_S = 1.0


async def serve(sock: socket.socket) -> None:
    """Be a worker until told to stop, or until the supervisor is gone."""
    reader, writer = await asyncio.open_connection(sock=sock, limit=16 << 20)
    line = await reader.readline()
    if not channel.is_whole(line):  # the supervisor ended before it said anything
        writer.close()
        return
    first = channel.decode(line)
    settings = channel.settings_in(first)
    assert settings is not None
    logs.setup(settings.log.level, settings.log.json)
    worker = Worker(settings, run_name(), bytes.fromhex(first["mask_key"]))
    await worker.serve([socket.socket(fileno=fd) for fd in first["listen"]])
    tune_process()
    writer.write(channel.encode({"ready": True}))
    worker.tasks.start(_report(worker, writer), "report")
    within_s = await _obey(worker, reader, writer, settings)
    await worker.drain(within_s)
    writer.write(channel.encode({"stats": worker.stats()}))
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    writer.close()


async def _obey(
    worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: Settings
) -> float:
    """Take orders; how long draining may take."""
    while channel.is_whole(line := await reader.readline()):
        message = channel.decode(line)
        if "stop" in message:
            return float(message["stop"])
        if reloaded := channel.settings_in(message):
            logs.setup(reloaded.log.level, reloaded.log.json)
            try:
                worker.reload(reloaded)
            except UnderstudyError as error:
                writer.write(channel.encode({"refused": str(error)}))
            else:
                writer.write(channel.encode({"taken": True}))
    log.warning("the supervisor is gone: draining")
    return settings.proxy.drain_ms / 1e3


async def _report(worker: Worker, writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(REPORT_S)
        if writer.is_closing():  # the supervisor is gone
            return
        writer.write(channel.encode({"stats": worker.stats()}))


def main() -> None:
    """The process's beginning."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1)  # what the supervisor asks of a worker that hangs: files and lines, no values
    try:
        uvloop.run(serve(channel.socket_from_environment()))
    except (UnderstudyError, OSError, msgspec.MsgspecError) as error:
        log.error("the worker can't start: %s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
