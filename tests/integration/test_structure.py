"""What two servers define, compared: equal copies without a finding, and each planted difference found by its name.

A schema with a bit of everything is copied from 5.6 to 9.7, from 10.5 and 10.11 to 11.8 and from 5.6 to 11.8 as a dump
copies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from containers import network
from integration.copying import copied, without_unknown
from integration.least import PASSWORD, USER, granted
from integration.trees import ANY_TLS, FIVE, STARTS_WITHIN_S, Node, Running, answering, started
from integration.verifying import Planted
from support import wait_until
from understudy.migrate import grants
from understudy.migrate.faults import PrivilegeError
from understudy.migrate.logins import Login, OneLogin
from understudy.migrate.mysql import MySql
from understudy.migrate.sqltext import Secret, identifier
from understudy.migrate.verify import accounts, structure, weighing
from understudy.migrate.verify.finding import Finding, Kind
from understudy.migrate.verify.things import compare

pytestmark = pytest.mark.integration

MODE = "NO_ENGINE_SUBSTITUTION,NO_AUTO_CREATE_USER"
ODD = "it's `odd` %s ü"
PAIRS = (
    ("mysql-5.6", "mysql-9.7"), ("mariadb-10.5", "mariadb-11.8"), ("mariadb-10.11", "mariadb-11.8"),
    ("mysql-5.6", "mariadb-11.8"),
)  # fmt: skip
SHOP = (
    """CREATE TABLE customers (
        id INT(11) NOT NULL AUTO_INCREMENT, tiny TINYINT(1) NOT NULL DEFAULT '0', big BIGINT(20) UNSIGNED,
        filled INT(5) UNSIGNED ZEROFILL, born YEAR(4), email VARCHAR(100) COLLATE utf8_bin DEFAULT '', note TEXT,
        name VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL DEFAULT 'it''s a \\\\ "name" %',
        fee DECIMAL(10,2) NOT NULL DEFAULT '0.00', ratio DOUBLE DEFAULT '1.5', small FLOAT, bits BIT(8) DEFAULT b'101',
        kind ENUM('a','b','c,d') DEFAULT 'b', flags SET('x','y') NOT NULL DEFAULT 'x,y', bin VARBINARY(9) DEFAULT 'ab',
        created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
        fine DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), moment TIMESTAMP NULL,
        day DATE DEFAULT '2001-02-03', raw BLOB, `odd ``col%` INT COMMENT 'it''s ü 日本',
        PRIMARY KEY (id), UNIQUE KEY by_email (email), KEY by_name (name(10), tiny),
        KEY by_birth (born) USING BTREE COMMENT 'why', FULLTEXT KEY by_note (note)
    ) ENGINE=InnoDB AUTO_INCREMENT=1000 COMMENT='people ü'""",
    """CREATE TABLE orders (
        id INT NOT NULL PRIMARY KEY, customer INT NOT NULL, other INT, third INT, KEY k1 (customer), KEY k2 (other),
        KEY k3 (third), CONSTRAINT fk1 FOREIGN KEY (customer) REFERENCES customers (id),
        CONSTRAINT fk2 FOREIGN KEY (other) REFERENCES customers (id) ON DELETE SET NULL ON UPDATE CASCADE,
        CONSTRAINT fk3 FOREIGN KEY (third) REFERENCES customers (id) ON DELETE RESTRICT ON UPDATE NO ACTION
    ) ENGINE=InnoDB ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8""",
    """CREATE TABLE logs (id INT NOT NULL, at DATETIME NOT NULL, PRIMARY KEY (id, at)) ENGINE=InnoDB
        PARTITION BY RANGE (YEAR(at)) (PARTITION p0 VALUES LESS THAN (2000) COMMENT = 'old',
        PARTITION p1 VALUES LESS THAN MAXVALUE)""",
    "CREATE TABLE hashed (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB PARTITION BY KEY () PARTITIONS 3",
    """CREATE TABLE listed (id INT NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB PARTITION BY LIST (id)
        SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION a VALUES IN (1,2), PARTITION b VALUES IN (3,4))""",
    """CREATE TABLE ranged (a INT NOT NULL, b VARCHAR(10) NOT NULL) ENGINE=InnoDB PARTITION BY RANGE COLUMNS (a, b)
        (PARTITION a VALUES LESS THAN (1,'x'), PARTITION b VALUES LESS THAN (MAXVALUE, MAXVALUE))""",
    "CREATE TABLE places (id INT NOT NULL PRIMARY KEY, g GEOMETRY NOT NULL, SPATIAL KEY (g)) ENGINE=MyISAM",
    """CREATE TABLE `we``ird %s 'x'` (`a b` INT, `日本` VARCHAR(10)) ENGINE=MyISAM
        DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci CHECKSUM=1""",
    "CREATE TABLE counted (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB AUTO_INCREMENT=77",
    "CREATE TABLE mem (id INT NOT NULL, KEY (id) USING HASH) ENGINE=MEMORY",
    "CREATE VIEW plain AS SELECT id, name FROM customers WHERE tiny AND fee > 1.5 + 2 * 3",
    """CREATE ALGORITHM=MERGE DEFINER=`o'neil`@`%` SQL SECURITY INVOKER VIEW checked AS
        SELECT id, fee FROM customers WHERE fee > 10 WITH CASCADED CHECK OPTION""",
    """CREATE VIEW joined AS SELECT c.id, CONCAT(c.email, ' it''s ', IFNULL(c.note, '')) AS whole, COUNT(*) AS n,
        SUM((o.id + 1) * 2) AS s, CASE WHEN c.tiny = 1 THEN 'y' WHEN c.tiny IS NULL THEN 'n' ELSE 'x' END AS k
        FROM customers c LEFT JOIN orders o ON o.customer = c.id AND (o.other > 1 OR o.third < 3)
        LEFT JOIN logs l ON l.id = o.id WHERE c.email LIKE 'a%' AND c.created > NOW() - INTERVAL 1 DAY
        AND c.id NOT IN (1, 2, 3) AND c.email IS NOT NULL AND NOT (c.tiny = 3) AND c.fee BETWEEN 1 AND 100
        GROUP BY c.id, c.email, c.note, c.tiny HAVING COUNT(*) > 1 ORDER BY c.email DESC LIMIT 10""",
    """CREATE VIEW subs AS SELECT (SELECT MAX(o.id) FROM orders o WHERE o.customer = c.id) AS m, !c.tiny AS nt,
        EXISTS (SELECT 1 FROM logs) AS e, UPPER(c.name) AS u, c.id % 2 AS md, c.id DIV 2 AS dv, CURRENT_DATE() AS d,
        c.fee IN (SELECT id FROM orders) AS i, c.name REGEXP '^a' AS r, IF(c.id > 1, 'a', 'b') AS f,
        GROUP_CONCAT(DISTINCT c.name ORDER BY c.name SEPARATOR ';') AS gc, BINARY c.name AS bi,
        c.id ^ 1 | 2 & 3 AS bw, NOT c.name LIKE 'x%' AS nl FROM customers c, orders oo JOIN logs l USING (id)
        WHERE c.id = oo.customer""",
    "CREATE ALGORITHM=TEMPTABLE VIEW `odd ``view` AS SELECT id FROM orders",
    """CREATE DEFINER=`o'neil`@`%` PROCEDURE p1 (IN a INT(11), OUT b VARCHAR(20) CHARACTER SET utf8)
        READS SQL DATA SQL SECURITY INVOKER COMMENT 'it''s'
        BEGIN DECLARE x INT; SELECT 'a''b\\'' -- comment
        INTO b; END""",
    """CREATE DEFINER=root@`%` FUNCTION f1 (a INT) RETURNS VARCHAR(10) CHARACTER SET utf8 DETERMINISTIC NO SQL
        RETURN CONCAT('x%s', a)""",
    """CREATE DEFINER=root@`%` FUNCTION f2 (a VARCHAR(9) CHARACTER SET utf8mb4, b INT) RETURNS INT DETERMINISTIC NO SQL
        RETURN a = 'x'""",
    "CREATE DEFINER=root@`%` TRIGGER t1 BEFORE INSERT ON customers FOR EACH ROW SET NEW.tiny = 1",
    "CREATE DEFINER=root@`%` TRIGGER t2 AFTER UPDATE ON customers FOR EACH ROW INSERT INTO logs VALUES (NEW.id, NOW())",
    """CREATE DEFINER=root@`%` EVENT e1 ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00'
        ON COMPLETION PRESERVE COMMENT 'nightly' DO DELETE FROM logs""",
    "CREATE DEFINER=root@`%` EVENT e2 ON SCHEDULE AT '2035-01-01 00:00:00' DISABLE DO DELETE FROM logs",
    "CREATE DEFINER=`o'neil`@`%` EVENT `e``3` ON SCHEDULE AT '2035-01-01 00:00:00' DO DELETE FROM logs",
    "CREATE DEFINER=root@`%` EVENT e4 ON SCHEDULE AT '2035-01-01 00:00:00' DISABLE DO DELETE FROM logs",
    "CREATE DEFINER=root@`%` EVENT e5 ON SCHEDULE AT '2035-01-01 00:00:00' DISABLE ON SLAVE DO DELETE FROM logs",
)
MARIADB = (
    "CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 2 MAXVALUE 100 CYCLE",
    "CREATE TABLE versioned (a INT) WITH SYSTEM VERSIONING",
)
NEWER = (  # what MariaDB 10.5 and MySQL 9.7 know, and 5.6 doesn't
    "CREATE DATABASE newer CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "USE newer",
    """CREATE TABLE t (
        a INT NOT NULL PRIMARY KEY, b VARCHAR(20), j JSON, `j 2` JSON, w VARCHAR(99),
        u VARCHAR(40) DEFAULT (UUID()), e INT DEFAULT (1+2*3),
        text VARCHAR(20) DEFAULT 'uuid()', hidden INT INVISIBLE, n INT CHECK (n > 3),
        v VARCHAR(50) GENERATED ALWAYS AS (CONCAT(b, ' it''s ', '\\n', a)) VIRTUAL,
        s INT GENERATED ALWAYS AS ((a + 1) * 2 - IF(a > 0, 1, 0)) STORED COMMENT 'x',
        CONSTRAINT document CHECK (json_valid(w)), CONSTRAINT pos CHECK (a > 0 AND b <> 'x'),
        CHECK (a < 100 OR b IN ('p','q'))
    ) ENGINE=InnoDB""",
    "CREATE TRIGGER t1 BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
    "CREATE TRIGGER t2 BEFORE INSERT ON t FOR EACH ROW SET @a = 2",
    """CREATE FUNCTION f (a VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, b INT) RETURNS INT
        DETERMINISTIC NO SQL RETURN a = 'x'""",
    "CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW merged AS SELECT a FROM t WITH LOCAL CHECK OPTION",
    "CREATE EVENT e ON SCHEDULE AT '2035-01-01 00:00:00' DISABLE DO SET @a = 1",
)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Running]]:
    with ExitStack() as stack:
        net = stack.enter_context(network())
        yield started(stack, net, *(Node(image, image) for image in FIVE))


@pytest.fixture(scope="module")
def originals(servers: dict[str, Running]) -> None:
    """The schema on the two servers that others are copied from."""
    for image in ("mysql-5.6", "mariadb-10.5", "mariadb-10.11"):
        with servers[image].sql() as session:
            session.execute(f"SET SESSION sql_mode = '{MODE}'")
            session.execute("SET NAMES utf8mb4 COLLATE utf8mb4_general_ci")
            session.execute("CREATE DATABASE shop DEFAULT CHARACTER SET utf8 COLLATE utf8_unicode_ci")
            session.execute(f"CREATE DATABASE {identifier(ODD)} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
            session.execute("USE shop")
            for statement in SHOP if image == "mysql-5.6" else (*SHOP, *MARIADB):
                session.execute(statement)


class Compared(NamedTuple):
    """What was found between an original and its copy, and what once all of `PLANTED` was done to the copy."""

    equal: list[Finding]
    planted: list[Finding]


@pytest.fixture(params=PAIRS, ids=" to ".join, scope="module")
def compared(servers: dict[str, Running], originals: None, request: pytest.FixtureRequest) -> Compared:
    with servers[request.param[0]].sql() as old, servers[request.param[1]].sql() as new:
        for database in ("shop", ODD):
            copied(old, new, database)
        replica = "REPLICA" if new.version.is_mysql(8, 0, 22) else "SLAVE"
        new.execute("SET NAMES utf8mb4 COLLATE utf8mb4_general_ci")
        new.execute(f"ALTER EVENT shop.e1 DISABLE ON {replica}")
        new.execute(f"ALTER DEFINER=`o'neil`@`%` EVENT shop.`e``3` DISABLE ON {replica}")
        equal = structure.differences(old, new)
        new.execute("USE shop")
        new.execute("SET SESSION foreign_key_checks = 0")
        new.execute(f"SET SESSION sql_mode = '{without_unknown(MODE, new)}'")
        for planted in PLANTED:
            for statement in planted.statements:
                new.execute(statement)
        found = structure.differences(old, new)
        new.execute("DROP DATABASE more")
        return Compared(equal, found)


def test_a_copy_that_another_version_or_flavour_prints_differently_is_equal(compared: Compared) -> None:
    assert [finding for finding in compared.equal if finding.kind not in (Kind.EVENT, Kind.ROUTINE)] == []


def test_a_parameter_that_has_the_new_default_collation_is_a_note(compared: Compared) -> None:
    of_routines = [one for one in compared.equal if one.kind is Kind.ROUTINE]
    assert "shop.f2" in [one.name for one in of_routines]
    assert all(one.note and "was a utf8mb4_general_ci: each is its server's default" in one.found
               for one in of_routines if one.name == "shop.f2")  # fmt: skip
    assert all(one.note and one.found.startswith("collations is ") for one in of_routines)


def test_events_that_wait_for_the_cutover_are_no_difference_and_the_statement_that_enables_them_is_told(
    compared: Compared,
) -> None:
    events = [one for one in compared.equal if one.kind is Kind.EVENT]
    told = sorted((one.name, one.note, one.mend) for one in events)
    assert told == [
        ("shop.`e``3`", True, ("ALTER DEFINER = 'o''neil'@'%' EVENT `shop`.`e``3` ENABLE;",)),
        ("shop.e1", True, ("ALTER DEFINER = 'root'@'%' EVENT `shop`.`e1` ENABLE;",)),
    ]
    assert all(f"the cutover has to enable it: {one.mend[0]}" in one.found for one in events)


FK2 = "ADD CONSTRAINT fk2 FOREIGN KEY (other) REFERENCES customers (id)"
PLANTED = (
    Planted(f"ALTER DATABASE {identifier(ODD)} COLLATE utf8mb4_bin", Kind.DATABASE, identifier(ODD),
            "collation is utf8mb4_bin, was utf8mb4_unicode_ci"),
    Planted("CREATE DATABASE more;; CREATE TABLE more.t (id INT)", Kind.DATABASE, "more", "on the new side alone"),
    Planted("CREATE TABLE more (id INT PRIMARY KEY)", Kind.EXTRA_TABLE, "shop.more", "on the new side alone"),
    Planted("DROP TABLE places", Kind.MISSING_TABLE, "shop.places", "missing on the new side"),
    Planted("ALTER TABLE mem ENGINE=MyISAM", Kind.TABLE, "shop.mem", "engine is MyISAM, was MEMORY"),
    Planted("ALTER TABLE orders KEY_BLOCK_SIZE=4", Kind.TABLE, "shop.orders", "options is key_block_size=4"),
    Planted("ALTER TABLE customers COMMENT='other'", Kind.TABLE, "shop.customers", "comment is other, was people ü"),
    Planted("ALTER TABLE mem COLLATE utf8_bin", Kind.TABLE, "shop.mem", "collation is utf8mb3_bin"),
    Planted("ALTER TABLE counted AUTO_INCREMENT=5", Kind.TABLE, "shop.counted", "auto increment is at 5, behind 77",
            note=True),
    Planted("ALTER TABLE customers MODIFY fee DECIMAL(12,2) NOT NULL DEFAULT '0.01'", Kind.TABLE,
            "shop.customers.fee", "column fee: type is decimal(12,2), was decimal(10,2)"),
    Planted("SELECT 1", Kind.TABLE, "shop.customers.fee", "column fee: default is '0.01', was '0.00'"),
    Planted("ALTER TABLE customers MODIFY tiny TINYINT(1) DEFAULT '0' COMMENT 'why'", Kind.TABLE,
            "shop.customers.tiny", "column tiny: nullable is yes, was not there"),
    Planted("SELECT 1", Kind.TABLE, "shop.customers.tiny", "column tiny: comment is why, was not there"),
    Planted("ALTER TABLE customers MODIFY email VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT ''",
            Kind.TABLE, "shop.customers.email", "column email: collation is utf8mb4_bin, was utf8mb3_bin"),
    Planted("SELECT 1", Kind.TABLE, "shop.customers.email", "column email: charset is utf8mb4, was utf8mb3"),
    Planted("ALTER TABLE customers MODIFY fine DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3)", Kind.TABLE,
            "shop.customers.fine", "column fine: on update is not there, was current_timestamp(3)"),
    Planted("ALTER TABLE customers MODIFY moment TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP", Kind.TABLE,
            "shop.customers.moment", "column moment: default is current_timestamp, was not there"),
    Planted("ALTER TABLE customers MODIFY id INT NOT NULL", Kind.TABLE, "shop.customers.id",
            "column id: counting is not there, was auto_increment"),
    Planted("ALTER TABLE customers MODIFY ratio DOUBLE DEFAULT '1.5' FIRST", Kind.TABLE, "shop.customers",
            "the order is ratio, id,"),
    Planted("ALTER TABLE customers ADD more INT", Kind.TABLE, "shop.customers.more", "column more is on the new side"),
    Planted("ALTER TABLE customers DROP `odd ``col%`", Kind.TABLE, "shop.customers.odd `col%", "is missing"),
    Planted("ALTER TABLE customers DROP KEY by_email, ADD KEY by_email (email)", Kind.TABLE, "shop.customers",
            "index by_email: unique is not there, was yes"),
    Planted("ALTER TABLE customers DROP KEY by_name, ADD KEY by_name (tiny, name(9))", Kind.TABLE, "shop.customers",
            "index by_name: columns is tiny, name(9), was name(10), tiny"),
    Planted("ALTER TABLE customers DROP KEY by_note", Kind.TABLE, "shop.customers", "the index by_note is missing"),
    Planted("ALTER TABLE customers DROP KEY by_birth, ADD KEY by_birth (born)", Kind.TABLE, "shop.customers",
            "index by_birth: comment is not there, was why"),
    Planted("ALTER TABLE mem DROP KEY id, ADD KEY id (id) USING BTREE", Kind.TABLE, "shop.mem",
            "index id: type is BTREE, was HASH"),
    Planted("ALTER TABLE orders DROP FOREIGN KEY fk3", Kind.TABLE, "shop.orders", "the foreign key fk3 is missing"),
    Planted(f"ALTER TABLE orders DROP FOREIGN KEY fk2;; ALTER TABLE orders {FK2}", Kind.TABLE, "shop.orders",
            "foreign key fk2: on delete is RESTRICT, was SET NULL"),
    Planted("SELECT 1", Kind.TABLE, "shop.orders", "foreign key fk2: on update is RESTRICT, was CASCADE"),
    Planted("ALTER TABLE logs REMOVE PARTITIONING", Kind.TABLE, "shop.logs",
            "partitioning is not there, was RANGE (year(at))"),
    Planted("ALTER TABLE ranged DROP PARTITION b;; ALTER TABLE ranged ADD PARTITION (PARTITION b VALUES LESS THAN"
            " (9, 'y'))", Kind.TABLE, "shop.ranged", "partition b: values is 9, 'y', was maxvalue, maxvalue"),
    Planted("ALTER TABLE hashed ADD PARTITION PARTITIONS 1", Kind.TABLE, "shop.hashed", "partition p3 is on the new"),
    Planted("ALTER SQL SECURITY INVOKER VIEW plain AS SELECT id, name FROM customers WHERE tiny AND fee > (1.5+2) * 3",
            Kind.VIEW, "shop.plain", "definition is "),
    Planted("SELECT 1", Kind.VIEW, "shop.plain", "security is INVOKER, was DEFINER"),
    Planted("ALTER ALGORITHM=TEMPTABLE DEFINER=root@`%` SQL SECURITY INVOKER VIEW checked AS"
            " SELECT id, fee FROM customers WHERE fee > 10", Kind.VIEW, "shop.checked",
            "check option is not there, was CASCADED"),
    Planted("SELECT 1", Kind.VIEW, "shop.checked", "algorithm is TEMPTABLE, was MERGE"),
    Planted("SELECT 1", Kind.VIEW, "shop.checked", "definer is root@%, was o'neil@%"),
    Planted("ALTER ALGORITHM=MERGE VIEW `odd ``view` AS SELECT id FROM orders", Kind.VIEW, "shop.`odd ``view`",
            "algorithm is MERGE, was TEMPTABLE"),
    Planted("DROP VIEW subs", Kind.VIEW, "shop.subs", "the view is missing"),
    Planted("DROP FUNCTION f1;; CREATE DEFINER=root@`%` FUNCTION f1 (a INT, b INT) RETURNS VARCHAR(11) CHARACTER SET"
            " utf8 NO SQL RETURN CONCAT('y%s', a)", Kind.ROUTINE, "shop.f1", "body is RETURN CONCAT('y%s', a), was "),
    Planted("SELECT 1", Kind.ROUTINE, "shop.f1", "parameters is IN a int, IN b int, was IN a int"),
    Planted("SELECT 1", Kind.ROUTINE, "shop.f1", "returns is varchar(11) utf8mb3, was varchar(10) utf8mb3"),
    Planted("SELECT 1", Kind.ROUTINE, "shop.f1", "deterministic is not there, was yes"),
    Planted("DROP FUNCTION f2;; CREATE DEFINER=root@`%` FUNCTION f2 (a VARCHAR(9) CHARACTER SET utf8mb4 COLLATE"
            " utf8mb4_bin, b INT) RETURNS INT DETERMINISTIC NO SQL RETURN a = 'x'", Kind.ROUTINE, "shop.f2",
            "collations is a utf8mb4_bin, was a utf8mb4_general_ci"),
    Planted("ALTER PROCEDURE p1 MODIFIES SQL DATA SQL SECURITY DEFINER COMMENT 'x'", Kind.ROUTINE, "shop.p1",
            "data access is MODIFIES SQL DATA, was READS SQL DATA"),
    Planted("SELECT 1", Kind.ROUTINE, "shop.p1", "security is DEFINER, was INVOKER"),
    Planted("SELECT 1", Kind.ROUTINE, "shop.p1", "comment is x, was it's"),
    Planted("DROP TRIGGER t1;; CREATE DEFINER=`other`@`%` TRIGGER t1 AFTER INSERT ON customers FOR EACH ROW SET @x = 1",
            Kind.TRIGGER, "shop.t1", "timing is AFTER INSERT, was BEFORE INSERT"),
    Planted("SELECT 1", Kind.TRIGGER, "shop.t1", "body is SET @x = 1, was SET NEW.tiny = 1"),
    Planted("SELECT 1", Kind.TRIGGER, "shop.t1", "definer is other@%, was root@%"),
    Planted("DROP TRIGGER t2", Kind.TRIGGER, "shop.t2", "the trigger is missing"),
    Planted("ALTER EVENT e1 ON SCHEDULE EVERY 2 DAY STARTS '2030-01-01 00:00:00' ON COMPLETION NOT PRESERVE"
            " DO DELETE FROM orders", Kind.EVENT, "shop.e1", "schedule is every 2 DAY"),
    Planted("SELECT 1", Kind.EVENT, "shop.e1", "body is DELETE FROM orders, was DELETE FROM logs"),
    Planted("SELECT 1", Kind.EVENT, "shop.e1", "after is dropped, was kept"),
    Planted("ALTER EVENT e2 ENABLE", Kind.EVENT, "shop.e2", "status is ENABLED, was DISABLED"),
    Planted("ALTER EVENT `e``3` DISABLE", Kind.EVENT, "shop.`e``3`", "it is disabled, and runs on the old side: the",
            note=True),
    Planted("ALTER DEFINER=root@`%` EVENT e4 DISABLE ON SLAVE", Kind.EVENT, "shop.e4",
            "and is disabled on the old side: ALTER DEFINER = 'root'@'%' EVENT `shop`.`e4` DISABLE;", note=True),
    Planted("ALTER DEFINER=root@`%` EVENT e5 ENABLE", Kind.EVENT, "shop.e5", "status is ENABLED, was SLAVESIDE_DISA"),
)  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.name} {planted.says}"[:60])
def test_a_planted_difference_is_found_and_named(compared: Compared, planted: Planted) -> None:
    of_it = [finding for finding in compared.planted if (finding.kind, finding.name) == (planted.kind, planted.name)]
    told = [finding for finding in of_it if planted.says in finding.found]
    assert len(told) == 1, of_it
    assert told[0].note == planted.note or planted.kind is Kind.VIEW  # which are notes across flavours


def test_nothing_is_found_that_was_not_planted(compared: Compared) -> None:
    names = {(planted.kind, planted.name) for planted in PLANTED}
    expected = [planted.says for planted in PLANTED]
    more = [one for one in compared.planted if not any(says in one.found for says in expected)]
    assert [one for one in more if (one.kind, one.name) not in names] == []
    assert [one.found for one in more if not one.note] == []


@pytest.fixture(scope="module")
def newer(servers: dict[str, Running]) -> list[str]:
    """The servers that know what 5.6 doesn't, each with the same of it."""
    images = ["mariadb-10.5", "mariadb-11.8", "mysql-9.7"]
    for image in images:
        with servers[image].sql() as session:
            session.execute("SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci")
            session.execute("SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'")
            for statement in NEWER:
                session.execute(statement)
    return images


IGNORED = ("shop", ODD)


@pytest.mark.parametrize("other", ["mariadb-11.8", "mysql-9.7"])
def test_generated_checked_and_invisible_columns_are_equal_across_flavours(
    servers: dict[str, Running], newer: list[str], other: str
) -> None:
    with servers["mariadb-10.5"].sql() as old, servers[other].sql() as new:
        assert structure.differences(old, new, IGNORED) == []
        assert structure.differences(new, old, IGNORED) == []


def changed(server: Running, *statements: str) -> list[str]:
    """What is found between a server before and after these statements."""
    with server.sql() as session:
        session.execute("USE newer")
        before = structure.collected(session, frozenset(), False, IGNORED)
        for statement in statements:
            session.execute(statement)
        after = structure.collected(session, frozenset(), False, IGNORED)
        weigh = weighing.weigh(session.version, session.version)
        return [finding.found for finding in compare(before, after, weigh)]


@pytest.mark.parametrize("image", ["mariadb-11.8", "mysql-9.7"])
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("ALTER TABLE t MODIFY s INT GENERATED ALWAYS AS (a + 1 * 2 - IF(a > 0, 1, 0)) STORED COMMENT 'x'",
         "column s: expression is ((a + (1 * 2)) - if((a > 0), 1, 0)), was (((a + 1) * 2) - if((a > 0), 1, 0))"),
        ("ALTER TABLE t MODIFY hidden INT", "column hidden: visibility is not there, was invisible"),
        ("ALTER TABLE t DROP CONSTRAINT pos", "the check ((a > 0) and (b <> 'x')) is missing on the new side"),
        ("ALTER TABLE t DROP CONSTRAINT document", "the check json_valid(w) is missing on the new side"),
        ("ALTER TABLE t ADD CHECK (e < 5)", "the check (e < 5) is on the new side alone"),
        ("ALTER TABLE t MODIFY e INT DEFAULT (1+2+3)", "column e: default is ((1 + 2) + 3), was (1 + (2 * 3))"),
        ("DROP FUNCTION f;; CREATE FUNCTION f (a VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, b INT) RETURNS"
         " INT DETERMINISTIC NO SQL RETURN a = 'x'", "collations is a utf8mb4_bin, was a utf8mb4_general_ci"),
        ("DROP TRIGGER t1;; CREATE TRIGGER t1 BEFORE INSERT ON t FOR EACH ROW FOLLOWS t2 SET @a = 1",
         "follows is t2, was not there"),
        ("ALTER ALGORITHM=TEMPTABLE SQL SECURITY INVOKER VIEW merged AS SELECT a FROM t",
         "algorithm is TEMPTABLE, was MERGE"),
    ],
)  # fmt: skip
def test_a_change_of_what_is_newer_is_found(
    servers: dict[str, Running], newer: list[str], image: str, statement: str, says: str
) -> None:
    assert says in changed(servers[image], *statement.split(";; "))


@pytest.mark.parametrize(
    ("image", "made", "changes", "says"),
    [
        ("mysql-9.7", "CREATE TABLE i (a INT, KEY k (a DESC))", "ALTER TABLE i DROP KEY k, ADD KEY k (a)",
         "index k: columns is a, was a desc"),
        ("mysql-9.7", "CREATE TABLE f (a INT, KEY k ((a+1)))", "ALTER TABLE f DROP KEY k, ADD KEY k ((a+2))",
         "index k: columns is ((a + 2)), was ((a + 1))"),
        ("mysql-9.7", "CREATE TABLE h (a INT, KEY k (a) INVISIBLE)", "ALTER TABLE h ALTER INDEX k VISIBLE",
         "index k: visibility is not there, was invisible"),
        ("mysql-9.7", "CREATE TABLE c (a INT, CONSTRAINT c CHECK (a > 1) NOT ENFORCED)",
         "ALTER TABLE c ALTER CHECK c ENFORCED", "check (a > 1): enforced is not there, was no"),
        ("mysql-9.7", "CREATE TABLE g (p POINT NOT NULL SRID 4326)", "ALTER TABLE g MODIFY p POINT NOT NULL SRID 3857",
         "column p: reference system is 3857, was 4326"),
        ("mariadb-11.8", "CREATE TABLE h (a INT, KEY k (a) IGNORED)", "ALTER TABLE h ALTER INDEX k NOT IGNORED",
         "index k: visibility is not there, was invisible"),
        ("mariadb-11.8", "CREATE TABLE i (a INT, KEY k (a DESC))", "ALTER TABLE i DROP KEY k, ADD KEY k (a)",
         "index k: columns is a, was a desc"),
        ("mariadb-11.8", "CREATE SEQUENCE q MAXVALUE 100", "ALTER SEQUENCE q MAXVALUE 99", "maximum is 99, was 100"),
        ("mariadb-11.8", "CREATE SEQUENCE r START 50", "ALTER SEQUENCE r RESTART 20", "next value is at 20, behind 50"),
        ("mariadb-11.8", "CREATE TABLE v (a INT) WITH SYSTEM VERSIONING", "ALTER TABLE v DROP SYSTEM VERSIONING",
         "versioning is not there, was by the system"),
    ],
)  # fmt: skip
def test_a_change_of_what_one_flavour_alone_has_is_found(
    servers: dict[str, Running], newer: list[str], image: str, made: str, changes: str, says: str
) -> None:
    with servers[image].sql() as session:
        session.execute("USE newer")
        session.execute(made)
    assert any(says in found for found in changed(servers[image], changes))


@pytest.mark.parametrize("kind", ["mysql_tree", "mariadb_tree"])
def test_replicated_events_wait_for_the_cutover_and_one_that_was_off_is_told_apart(
    kind: str, request: pytest.FixtureRequest
) -> None:
    source, *_, leaf = request.getfixturevalue(kind).values()
    events = "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'cutover'"
    with source.sql() as old, leaf.sql() as new:
        old.execute("CREATE DATABASE cutover")
        old.execute("CREATE DEFINER=ghost@`%` EVENT cutover.runs ON SCHEDULE AT '2035-01-01 00:00:00' DO SET @a = 1")
        old.execute("CREATE EVENT cutover.is_off ON SCHEDULE AT '2035-01-01 00:00:00' DISABLE DO SET @a = 1")
        wait_until(lambda: len(new.rows(events)) == 2, 30, "both events arrive")
        found = structure.differences(old, new)
        old.execute("DROP DATABASE cutover")
        wait_until(lambda: not new.rows("SHOW DATABASES LIKE 'cutover'"), 60, "it is as it was")
    told = {(one.name, one.note, one.mend) for one in found if one.name.startswith("cutover.")}
    assert told == {
        ("cutover.runs", True, ("ALTER DEFINER = 'ghost'@'%' EVENT `cutover`.`runs` ENABLE;",)),
        ("cutover.is_off", True, ("ALTER DEFINER = 'root'@'%' EVENT `cutover`.`is_off` DISABLE;",)),
    }


COUNTED = (
    "CREATE DATABASE counting CHARACTER SET latin1 COLLATE latin1_swedish_ci",
    "CREATE TABLE counting.used (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB COMMENT=' AUTO_INCREMENT=1'",
    "CREATE TABLE counting.`o.d``d` (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE TABLE counting.behind (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB",
    "INSERT INTO counting.used VALUES (NULL), (NULL)",
    "INSERT INTO counting.`o.d``d` VALUES (NULL), (NULL)",
    "INSERT INTO counting.behind VALUES (NULL), (NULL)",
)


def test_a_counter_that_a_server_tells_too_low_after_a_restart_is_asked_again(servers: dict[str, Running]) -> None:
    ignored = ("shop", ODD, "newer", "more")
    restarted = servers["mysql-9.7"]
    for image in ("mysql-5.6", "mysql-9.7"):
        with servers[image].sql() as session:
            for statement in COUNTED:
                session.execute(statement)
    with servers["mysql-5.6"].sql() as old:
        old.execute("INSERT INTO counting.behind VALUES (NULL)")
        restarted.service.container.restart(timeout=60)
        wait_until(lambda: answering(restarted), STARTS_WITHIN_S, "it answers").close()
        with (
            granted({"new": restarted}, ("verify",)),
            MySql(OneLogin(Login(USER, Secret(PASSWORD), ANY_TLS))).open(restarted.address) as new,
        ):
            new.execute("SET SESSION information_schema_stats_expiry = 0")
            question = "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'counting'"
            assert [list(row.values()) for row in new.rows(question)] == [[2], [2], [2]], "though the next one is 3"
            (found,) = structure.differences(old, new, ignored)
    assert (found.name, found.note) == ("counting.behind", True)
    assert found.found.startswith("auto increment is at 3, behind 4: lag, or numbers of rows that were deleted")
    assert found.mend == ("ALTER TABLE `counting`.`behind` AUTO_INCREMENT = 4;",)


@pytest.mark.parametrize("image", ["mysql-5.6", "mysql-9.7", "mariadb-10.5", "mariadb-11.8"])
def test_the_least_account_sees_all_that_root_sees_and_with_less_it_is_refused(
    servers: dict[str, Running], originals: None, newer: list[str], image: str
) -> None:
    server = servers[image]
    with server.sql() as root:
        root.execute("CREATE USER least@'%' IDENTIFIED BY 'x'")
        for where, names in grants.privileges(root.version, ["verify"]).items():
            root.execute(f"GRANT {', '.join(names)} ON {where} TO least@'%'")
        everything = structure.collected(root, frozenset(), False, ())
        with MySql(OneLogin(Login("least", Secret("x"), ANY_TLS))).open(server.address) as least:
            assert structure.collected(least, frozenset(), False, ()) == everything
            assert accounts.side(least) == accounts.side(root)
            for privilege in ("TRIGGER", "EVENT", "SHOW VIEW"):
                root.execute(f"REVOKE {privilege} ON *.* FROM least@'%'")
                with pytest.raises(PrivilegeError, match=f"the account lacks {privilege}"):
                    structure.collected(least, frozenset(), False, ())
                root.execute(f"GRANT {privilege} ON *.* TO least@'%'")
        root.execute("DROP USER least@'%'")
