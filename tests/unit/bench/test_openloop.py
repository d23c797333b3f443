import socket
import threading
import time

import pytest
from openloop import Generator, arrivals, quantile_us

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
STALL_S = 0.3


@pytest.fixture
def stalling():
    """The port of a server whose first answer comes late and all others at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def _serve(listener):
    connection, _ = listener.accept()
    pause = STALL_S
    with connection:
        while connection.recv(65_536):
            time.sleep(pause)
            pause = 0
            connection.sendall(ANSWER)


def test_a_stall_is_charged_to_every_request_that_was_due_meanwhile(stalling):
    generator = Generator(stalling, connections=1)
    start = time.perf_counter()
    generator.run([start + 0.01 * i for i in range(20)])
    generator.close()
    assert generator.errors == 0
    # one connection: a closed loop would have seen one slow request, an open one sees 20 of which half waited
    assert quantile_us(generator.latencies, 0.5) > 1e6 * STALL_S / 3
    assert quantile_us(generator.from_send, 0.5) < 1e6 * STALL_S / 3


def test_arrivals_keep_the_rate_and_repeat_from_run_to_run():
    times = arrivals(2_000, 5)
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert times == sorted(times) == arrivals(2_000, 5)


def test_a_quantile_is_one_of_the_values():
    assert quantile_us([i / 1e6 for i in range(1, 101)], 0.99) == pytest.approx(100)
