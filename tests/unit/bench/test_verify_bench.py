import json

import pytest
import report
from contenders import percona_said, verified
from dataset import filling, tables
from falls import ALONE, AT_RATE, CLOSED, Loaded, rows
from offered import Load, parse
from processes import BenchError
from report import Report
from results import Row

SYSBENCH = """\
Latency histogram (values are in milliseconds)
       value  ------------- distribution ------------- count
       2.184 |****                                     50
       3.304 |*****                                    40
     104.840 |*                                        10

    transactions:                        100    (314.54 per sec.)
    ignored errors:                      2      (0.25 per sec.)
"""
CHECKSUMS = """\
            TS ERRORS  DIFFS     ROWS  DIFF_ROWS  CHUNKS SKIPPED    TIME TABLE
11-21T11:12:09      0      0  1000000          0       7       0   3.369 bench.sbtest1
11-21T11:12:31      0      1   500000          1      11       0   7.744 bench.wide2
"""


def test_sysbenchs_report_is_read_with_quantiles_of_its_histogram():
    assert parse(SYSBENCH) == Load(100, 314.54, 2.184, 104.84, 104.84, 2)


def test_a_report_of_sysbench_without_transactions_is_not_a_measurement():
    with pytest.raises(BenchError, match="measured nothing"):
        parse("FATAL: unable to connect to MySQL server")


def test_pt_table_checksum_tells_rows_and_the_tables_that_differ():
    assert percona_said(CHECKSUMS) == (1_500_000, ["bench.wide2"])


def test_verify_tells_rows_and_the_tables_that_are_not_equal():
    tables = [{"name": "bench.a", "result": "equal"}, {"name": "bench.b", "result": "different"}]
    told = {"result": "different", "runs": [{"rows": 7, "tables": [*tables, {"name": "c", "result": "undecided"}]}]}
    assert verified(json.dumps(told)) == (7, ["bench.b", "c"])


def test_a_chunk_that_pt_table_checksum_skipped_is_not_a_measurement():
    with pytest.raises(BenchError, match="skipped chunks in"):
        percona_said(CHECKSUMS.replace("7       0   3.369", "7       1   3.369"))


@pytest.mark.parametrize("wanted", [10, 1_003, 5_000_000])
def test_the_schema_has_as_many_rows_as_wanted_and_fills_itself_with_them(wanted):
    made = tables(wanted)
    assert sum(table.rows for table in made) == wanted
    assert len({table.rows for table in made if table.name.startswith("sbtest")}) == 1
    for table in made:
        doublings = [statement for statement in filling(table) if statement.startswith("INSERT")]
        assert len(doublings) <= 24
        assert "{id}" not in "".join(doublings)


def loaded(load, subject, per_second, wrong=""):
    return Loaded(load, subject, Load(1_000, per_second, 1.0, 2.0, 3.0, 0), wrong)


def test_only_our_own_fall_has_a_bound_under_either_load():
    found = [
        loaded(load, subject, per_second)
        for load in (CLOSED, AT_RATE)
        for subject, per_second in ((ALONE, 200.0), ("ours", 190.0), ("peer", 150.0))
    ]
    made = rows(found, "ours", "peer")
    assert [(round(row.value), row.at_most) for row in made] == [(5, 10.0), (25, None), (5, 10.0), (25, None)]
    assert rows([*found[:4], loaded(AT_RATE, "ours", 190.0, "exit 1"), found[5]], "ours", "peer")[0].met is False


def test_a_section_is_kept_beside_the_others(tmp_path):
    path = tmp_path / "latest.json"
    first, second = (Report({}, effort, [Row("what", 1.0)], [], {}) for effort in ("first", "second"))
    report.save(path, first)
    report.save(path, second, "verify")
    report.save(path, second)
    saved = json.loads(path.read_text())
    assert saved["effort"] == saved["verify"]["effort"] == "second"
