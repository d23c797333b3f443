# ruff: noqa: E501  SQL is easier to read in long lines
"""Schemas that hold all that a copy could lose, for each flavour; the writes that go on meanwhile."""

from __future__ import annotations

from understudy.migrate.mysql import Session

WEIRD = "w`eird 'n\"äme"
_WEIRD = "`w``eird 'n\"äme`"
_SHARED = (
    "CREATE DATABASE empty_one CHARACTER SET latin1 COLLATE latin1_german1_ci",
    f"CREATE DATABASE {_WEIRD} CHARACTER SET utf8mb4",
    f"USE {_WEIRD}",
    "CREATE TABLE `t'a\"b``l é` (`c'o\"l``é` INT PRIMARY KEY, `sel ect` VARCHAR(10) DEFAULT 'd''q') COMMENT 'it''s %s'",
    "INSERT INTO `t'a\"b``l é` VALUES (1, 'x'), (2, '%')",
    "CREATE DATABASE shop CHARACTER SET utf8",
    "USE shop",
    "CREATE TABLE chars (l1 VARCHAR(50) CHARACTER SET latin1, u3 VARCHAR(20) CHARACTER SET utf8, u4 VARCHAR(20) CHARACTER"
    " SET utf8mb4, ubin VARCHAR(20) CHARACTER SET utf8 COLLATE utf8_bin, uni TEXT CHARACTER SET utf8mb4 COLLATE"
    " utf8mb4_unicode_ci, dflt TEXT, id INT PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB AUTO_INCREMENT=1000",
    "INSERT INTO chars (l1, u3, u4, ubin, uni, dflt) VALUES (_latin1 0xE9, 'ß€', '😀', 'Ünï', 'ß', 'a\\0b\\\\c\\n''\"\\Z')",
    "CREATE TABLE parent (id INT PRIMARY KEY, k VARCHAR(10), UNIQUE KEY(k)) ENGINE=InnoDB",
    "CREATE TABLE child (id INT PRIMARY KEY, p INT, CONSTRAINT `fk p` FOREIGN KEY (p) REFERENCES parent(id) ON DELETE"
    " CASCADE) ENGINE=InnoDB",
    "INSERT INTO parent VALUES (1, 'a'), (2, 'b')",
    "INSERT INTO child VALUES (1, 1), (2, 2)",
    "CREATE TABLE parted (id INT, d DATE, PRIMARY KEY(id, d)) ENGINE=InnoDB PARTITION BY RANGE (YEAR(d))"
    " (PARTITION p0 VALUES LESS THAN (2010), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "INSERT INTO parted VALUES (1, '2009-01-01'), (2, '2020-01-01')",
    "CREATE TABLE no_key (a INT, f FLOAT, d DOUBLE) ENGINE=InnoDB",
    "INSERT INTO no_key VALUES (1, 1.2345678, 0.1), (2, 16777217, 1.7976931348623157e308), (3, NULL, -0.3)",
    "CREATE TABLE no_rows (id INT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100)) ENGINE=InnoDB",
    "CREATE TRIGGER tr AFTER INSERT ON parent FOR EACH ROW INSERT INTO log(what) VALUES (CONCAT('ins ', NEW.id))",
    "CREATE FUNCTION f1(x INT) RETURNS INT DETERMINISTIC RETURN x + 1",
    "CREATE DEFINER=`ghost`@`nowhere` PROCEDURE p1(IN a VARCHAR(20) CHARACTER SET utf8, OUT b INT) COMMENT 'it''s'"
    " BEGIN SELECT COUNT(*) INTO b FROM parent WHERE k = a AND k <> 'ä'; END",
    "CREATE TABLE zz (id INT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE VIEW v_c AS SELECT * FROM zz",
    "CREATE VIEW v_b AS SELECT id, f1(id) AS g FROM v_c",
    "CREATE VIEW a_a AS SELECT * FROM v_b",
    "CREATE OR REPLACE VIEW v_c AS SELECT p.id FROM parent p JOIN child c ON c.p = p.id",
    "CREATE VIEW broken AS SELECT * FROM zz",
    "DROP TABLE zz",
    "CREATE EVENT ev ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' ON COMPLETION PRESERVE DO"
    " INSERT INTO log(what) VALUES ('ev')",
    "CREATE EVENT ev_off ON SCHEDULE AT '2035-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE DO DELETE FROM log",
    "CREATE TABLE large (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT, f FLOAT) ENGINE=InnoDB",
    "INSERT INTO large VALUES (1, REPEAT(x'00FF27225C', 120000), REPEAT('ä''\\\\', 100000), 0.7), (2, '', '', NULL)",
)
_OLD = (
    "SET SESSION sql_mode = ''",
    "CREATE TABLE types (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, fd FLOAT(7,3), dc DECIMAL(30,10), ts"
    " TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, ts2 TIMESTAMP(6) NULL, zd DATE DEFAULT"
    " '0000-00-00', zdt DATETIME DEFAULT '0000-00-00 00:00:00', t TIME(3), y YEAR, b BIT(10), bl BLOB, vb VARBINARY(20), bi"
    " BINARY(4), e ENUM('a', 'b', 'ü'), s SET('x', 'y'), g GEOMETRY, ti TINYINT(1), zf INT(6) ZEROFILL)"
    " ENGINE=InnoDB ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8",
    "INSERT INTO types VALUES (0, 1234.567, 12345678901234567890.0123456789, '2015-03-29 02:30:00', '2016-01-01"
    " 00:00:00.123456', '2015-00-01', '0000-00-00', '-838:59:59.000', 2155, b'1000000001', x'00ff27225c0a0d1a', 'a''b\\\\',"
    " x'01', 'a', 'x,y', ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), 1, 42), (0, -0.001, NULL, '0000-00-00', NULL,"
    " NULL, NULL, NULL, NULL, NULL, '', '', '', 'bogus', '', NULL, NULL, NULL)",
    "SET SESSION sql_mode = DEFAULT",
)
MYSQL_56_REPLICATED = (*_SHARED, *_OLD)  # what a 9.7 takes as a replica; what follows only a copy brings there
MYSQL_56 = (
    *MYSQL_56_REPLICATED,
    "CREATE TABLE fixed (id INT PRIMARY KEY, k INT, KEY(k)) ENGINE=InnoDB ROW_FORMAT=FIXED",
    "CREATE TABLE many (k VARCHAR(10), KEY(k)) ENGINE=InnoDB",
    "CREATE TABLE to_many (k VARCHAR(10), CONSTRAINT nonuniq FOREIGN KEY (k) REFERENCES many (k)) ENGINE=InnoDB",
)
MYSQL_97 = (
    *_SHARED,
    "CREATE TABLE newer (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b INT AS (a + 1) VIRTUAL, c INT AS (a * 2) STORED, h INT"
    " INVISIBLE DEFAULT 5, j JSON, e VARCHAR(40) DEFAULT (UUID()), g GEOMETRY NOT NULL SRID 4326, SPATIAL INDEX(g), vc"
    " VECTOR(3), KEY fx ((a + c)), KEY des (a DESC), CHECK (a > 0))",
    'INSERT INTO newer (a, h, j, g, vc) VALUES (1, 77, \'{"a": [1, 2.50, 1e20, "ü😀\\\\n"]}\','
    " ST_GeomFromText('POINT(1 2)', 4326), TO_VECTOR('[1,2,3.3]'))",
    "SET SESSION sql_generate_invisible_primary_key = 1",
    "CREATE TABLE no_own_key (a INT, f FLOAT)",
    "SET SESSION sql_generate_invisible_primary_key = 0",
    "INSERT INTO no_own_key VALUES (1, 1.2345678), (2, NULL)",
)
MARIADB = (
    *_SHARED,
    *_OLD,
    "CREATE SEQUENCE seq START WITH 10 INCREMENT BY 5 CACHE 20",
    "CREATE TABLE of_seq (id BIGINT DEFAULT NEXTVAL(seq) PRIMARY KEY, v INT)",
    "INSERT INTO of_seq(v) VALUES (1), (2)",
    "CREATE TABLE versioned (id INT PRIMARY KEY, v VARCHAR(10)) WITH SYSTEM VERSIONING",
    "INSERT INTO versioned VALUES (1, 'a'), (2, 'b')",
    "UPDATE versioned SET v = 'c' WHERE id = 1",
    "DELETE FROM versioned WHERE id = 2",
    "CREATE TABLE period (id INT PRIMARY KEY, v INT, rs TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, re TIMESTAMP(6)"
    " GENERATED ALWAYS AS ROW END INVISIBLE, PERIOD FOR SYSTEM_TIME(rs, re)) WITH SYSTEM VERSIONING",
    "INSERT INTO period(id, v) VALUES (1, 1)",
    "UPDATE period SET v = 2",
    "CREATE TABLE newer (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b INT AS (a + 1) VIRTUAL, c INT AS (a * 2) PERSISTENT, h"
    " INT INVISIBLE DEFAULT 5, j JSON, i6 INET6, chk INT CHECK (chk > 0), e VARCHAR(40) DEFAULT (CONCAT('x', UUID())), g"
    " GEOMETRY NOT NULL, SPATIAL INDEX(g))",
    "INSERT INTO newer(a, h, j, i6, chk, g) VALUES (1, 77, '{\"a\": [1, 2.50, \"ü😀\"]}', '::1', 3,"
    " ST_GeomFromText('POINT(1 2)'))",
    "SET SESSION check_constraint_checks = 0",
    "INSERT INTO newer(a, h, j, i6, chk, g) VALUES (2, 78, '[]', NULL, -3, ST_GeomFromText('LINESTRING(1 2,3 4)'))",
    "SET SESSION sql_mode = ORACLE",
    "CREATE PACKAGE pk AS PROCEDURE pp; END",
    "CREATE PACKAGE BODY pk AS PROCEDURE pp AS BEGIN NULL; END; END",
    "SET SESSION sql_mode = DEFAULT",
)


def fill(session: Session, *, replicated: bool = False) -> None:
    """Make the schemas of the session's flavour and version; of 5.6 only what 9.7 takes where that is a replica."""
    version = session.version
    oldest = MYSQL_56_REPLICATED if replicated else MYSQL_56
    for statement in MARIADB if version.is_mariadb() else MYSQL_97 if version.is_mysql(8, 0) else oldest:
        session.execute(statement)


def write(session: Session, number: int) -> None:
    """Some writes of an application."""
    session.execute("INSERT INTO shop.chars (u3, u4, dflt) VALUES ('ß', '😀', %s)", f"number {number}")
    session.execute("UPDATE shop.no_key SET a = a + 1")
    session.execute("REPLACE INTO shop.parent VALUES (%s, %s)", 100 + number % 7, f"n{number % 7}")
    session.execute("DELETE FROM shop.log WHERE id %% 3 = %s", 0)
    if number % 5 == 0:
        session.execute("UPDATE shop.large SET f = f + 0.1")
