"""verify where the old side tells `Orders` from `orders`, and the new side keeps names of tables in lower case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.trees import OLD, Node, tree
from integration.verifying import Stage, told
from understudy.migrate.verify import accounts, structure
from understudy.migrate.verify.options import Result

pytestmark = pytest.mark.integration
MADE = (
    "CREATE DATABASE Shop",
    "USE Shop",
    "CREATE TABLE Customers (Id INT PRIMARY KEY AUTO_INCREMENT, Name VARCHAR(20) DEFAULT 'Ann')",
    """CREATE TABLE Orders (Id INT PRIMARY KEY, Customer INT, Payer INT,
        FOREIGN KEY (Customer) REFERENCES Customers (Id),
        CONSTRAINT ByPayer FOREIGN KEY (Payer) REFERENCES Customers (Id))""",
    "CREATE SEQUENCE Numbers",
    """CREATE TABLE Numbered (a INT DEFAULT (NEXT VALUE FOR Numbers), b INT PRIMARY KEY)
        PARTITION BY HASH (b) PARTITIONS 2""",
    "CREATE TABLE Skipped (a INT PRIMARY KEY)",
    "CREATE VIEW Named AS SELECT o.Id, 'Some TEXT' AS T, C.Name FROM Orders o JOIN Customers C ON C.Id = o.Customer",
    "CREATE TRIGGER Filled BEFORE INSERT ON Orders FOR EACH ROW SET NEW.Payer = (SELECT MAX(Id) FROM Customers)",
    "CREATE TRIGGER Later BEFORE INSERT ON Orders FOR EACH ROW SET NEW.Id = NEW.Id + 0",
    "CREATE PROCEDURE Shown() SELECT * FROM Orders",
    "CREATE FUNCTION Counted() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM Shop.Orders)",
    "CREATE EVENT Nightly ON SCHEDULE AT '2035-01-01 00:00:00' DISABLE DO DELETE FROM Orders",
    "CREATE USER app@'%' IDENTIFIED BY 'x'",
    "GRANT SELECT ON Shop.* TO app@'%'",
    "GRANT INSERT, UPDATE (Payer) ON Shop.Orders TO app@'%'",
    "GRANT EXECUTE ON PROCEDURE Shop.Shown TO app@'%'",
    "INSERT INTO Customers VALUES (1, 'Ann'), (2, 'Bob')",
    "INSERT INTO Orders VALUES (1, 1, 2), (2, 2, 1)",
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with tree(
        Node("case-old", "mariadb-10.11", options=(*OLD, "--binlog-format=ROW")),
        Node("case-new", "mariadb-11.8", "case-old", (*OLD, "--lower-case-table-names=1")),
    ) as servers:
        made: Path = tmp_path_factory.mktemp("case")
        stage = Stage(servers["case-old"], servers["case-new"], made)
        stage.write(*MADE)
        yield stage


def test_definitions_and_accounts_are_equal(stage: Stage) -> None:
    with stage.old.sql() as old, stage.new.sql() as new:
        assert [(one.name, one.note) for one in structure.differences(old, new)] == [("Shop.Nightly", True)]
        assert [one.name for one in structure.differences(new, old)] == ["shop.Nightly"], "its status alone"
        assert [one for one in accounts.differences(old, new) if not one.note] == []
        assert [one for one in accounts.differences(new, old) if not one.note] == []


@pytest.mark.parametrize("only", ["Shop.*", "shop.*", "*.Orders", "shop.Orders"])
def test_rows_are_equal_whatever_the_case_of_what_is_asked_for(stage: Stage, only: str) -> None:
    outcome = stage.verify(only, ignore=["Shop.SKIPPED"])
    assert (outcome.result, outcome.findings) == (Result.EQUAL, ()), outcome
    assert "Shop.Orders" in [one.name for one in outcome.tables]
    assert "Shop.Skipped" not in [one.name for one in outcome.tables]


def test_the_command_says_equal_of_everything(stage: Stage) -> None:
    done = stage.operator().ask("verify")
    assert (done.code, "EQUAL" in done.out) == (0, True), done


def test_what_differs_by_more_than_case_is_found(stage: Stage) -> None:
    stage.spoil("new", "UPDATE shop.orders SET payer = 1 WHERE id = 1")
    assert told(stage.verify("Shop.Orders").findings) == {("changed-row", ("1",), ("Payer",))}
    with stage.old.sql() as old, stage.new.sql() as new:
        new.execute("ALTER VIEW shop.named AS SELECT o.Id, 'some text' AS T, C.Name FROM shop.orders o"
                    " JOIN shop.customers C ON C.Id = o.Customer")  # fmt: skip
        new.execute("ALTER TABLE shop.customers ALTER Name SET DEFAULT 'ann'")
        new.execute("DROP TABLE shop.skipped")
        found = [one.found for one in structure.differences(old, new) if not one.note]
    assert sorted(found) == [
        "column Name: default is 'ann', was 'Ann'",
        "definition is select o.id as id, 'some text' as t, c.name as name from shop.orders o join shop.customers c"
        " on (c.id = o.customer), was select o.id as id, 'Some TEXT' as t, c.name as name from shop.orders o"
        " join shop.customers c on (c.id = o.customer)",
        "the table is missing on the new side",
    ]
