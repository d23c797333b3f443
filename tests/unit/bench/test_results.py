import pytest
from load import parse_wrk
from processes import BenchError
from results import Row, Sample, difference, median, of, ratio

WRK = """\
Running 3s test @ http://127.0.0.1:19001/users
  1 threads and 64 connections
  Latency Distribution
     50%    1.25ms
     75%    1.88ms
     90%    2.61ms
     99%  980.00us
  105301 requests in 3.00s, 130.11MB read
Requests/sec:  35086.02
Transfer/sec:     43.35MB
"""


def sample(subject: str, per_second: float) -> Sample:
    return Sample("load", subject, 100, per_second, 1.0, 2.0)


def test_wrk_report_is_read_in_microseconds():
    assert parse_wrk(WRK) == (105301, 35086.02, 1250.0, 980.0, "", None)


def test_wrk_errors_are_kept():
    wrong = "  Socket errors: connect 0, read 3, write 0, timeout 0\n  Non-2xx or 3xx responses: 7\n"
    assert parse_wrk(WRK + wrong).errors == "read 3, Non-2xx or 3xx responses: 7"


def test_a_wrk_report_without_requests_is_not_a_measurement():
    with pytest.raises(BenchError, match="measured nothing"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused")


def test_a_ratio_is_of_medians_and_its_spread_of_single_rounds():
    ours, theirs = [sample("a", v) for v in (20, 30, 90)], [sample("b", v) for v in (10, 20, 30)]
    found = ratio(of([*ours, *theirs], "load", "a"), of([*ours, *theirs], "load", "b"), "per_second")
    assert (found.value, found.low, found.high) == (1.5, 1.5, 3.0)
    assert difference(ours, theirs, "per_second").value == 10
    assert median(ours, "per_second").value == 30


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("told only", 1.0), None),
        (Row("enough", 2.0, at_least=2.0), True),
        (Row("too few", 1.9, at_least=2.0), False),
        (Row("too many", 0.7, at_most=0.6), False),
        (Row("between", 0.7, at_least=0.5, at_most=0.8), True),
        (Row("wrong, whatever the value", 100.0, failed=True), False),
    ],
)
def test_a_row_knows_whether_its_target_was_reached(row, met):
    assert row.met is met
