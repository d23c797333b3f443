"""No secret of a statement is shown, and what is none still is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.migrate import redact


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        (
            "GRANT SELECT ON `b`.* TO 'joe'@'%' IDENTIFIED BY PASSWORD '*1EACCDAD'",
            "GRANT SELECT ON `b`.* TO 'joe'@'%' IDENTIFIED BY PASSWORD …",
        ),
        ("CREATE USER jim@'%' IDENTIFIED BY 'jim-secret'", "CREATE USER jim@'%' IDENTIFIED BY …"),
        ("SET PASSWORD FOR 'joe'@'%'='*D55450E0'", "SET PASSWORD FOR 'joe'@'%'=…"),
        ("use `it's`; ALTER USER a@b IDENTIFIED AS 0x2441 /* xid=9 */", "use `it's`; ALTER USER a@b IDENTIFIED AS …"),
        ("/* it's */ CREATE USER a@b IDENTIFIED BY 'x'", "/* it…"),
        ("INSERT INTO o SELECT PASSWORD('geheim')", "INSERT INTO o SELECT PASSWORD(…)"),
        ("UPDATE users SET password_hash = 'x', name = 'y'", "UPDATE users SET password_hash = …, name = …"),
        ("CREATE SERVER s OPTIONS (USER 'u', HOST 'h')", "CREATE SERVER s OPTIONS (USER …, HOST …)"),
        ("UPDATE mysql.user SET x = 'hash'", "UPDATE mysql.user SET x = …"),
        ("CREATE USER a IDENTIFIED BY 'it''s'", "CREATE USER a IDENTIFIED BY …"),
        (r"CREATE USER a IDENTIFIED BY 'a\' b'", "CREATE USER a IDENTIFIED BY …"),
        ("CREATE USER a IDENTIFIED BY 'cut off he", "CREATE USER a IDENTIFIED BY …"),
        ("INSERT INTO broken.t VALUES ('plain', 1)", "INSERT INTO broken.t VALUES ('plain', 1)"),
        ("INSERT INTO t\nVALUES (1)\x1b[2J", "INSERT INTO t VALUES (1) [2J"),
    ],
)  # fmt: skip
def test_a_statement_that_may_hold_a_secret_loses_its_literals(sql: str, shown: str) -> None:
    assert redact.statement(sql) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Error 'You have an error in your SQL syntax; … use near 'IDENTIFIED BY PASSWORD '*1EAC'' at line 1' "
            "on query. Query: 'GRANT SELECT ON b.* TO 'joe'@'%' IDENTIFIED BY PASSWORD '*1EAC''",
            "Error 'You have an error in your SQL syntax; … use near '…' at line 1' "
            "on query. Query: 'GRANT SELECT ON b.* TO 'joe'@'%' IDENTIFIED BY PASSWORD …'",
        ),
        (
            "Error 'x' on query. Default database: ''. Query: 'CREATE USER jim@'%' IDENTIFIED BY 'jim-secre",
            "Error 'x' on query. Default database: ''. Query: 'CREATE USER jim@'%' IDENTIFIED BY …",
        ),
        (
            "Error 'Duplicate entry '1' for key 't.PRIMARY'' on query. Query: 'INSERT INTO t VALUES (1)'",
            "Error 'Duplicate entry '1' for key 't.PRIMARY'' on query. Query: 'INSERT INTO t VALUES (1)'",
        ),
        (
            "Message: Access denied for user 'repl'@'172.18.0.2' (using password: YES)",
            "Message: Access denied for user 'repl'@'172.18.0.2' (using password: YES)",
        ),
    ],
)  # fmt: skip
def test_an_error_keeps_its_words_and_loses_the_secrets_of_its_statement(text: str, shown: str) -> None:
    assert redact.error_text(text) == shown


@given(
    secret=st.text(min_size=6, max_size=30).filter(lambda text: not set(text) & set(" …'IDENTIFIEDBYPASSWORDUSERQuery"))
)
def test_no_password_gets_through_however_it_is_quoted(secret: str) -> None:
    for quoted in (f"'{secret}'", f'"{secret}"', "'" + secret.replace("\\", "\\\\").replace("'", "\\'") + "'"):
        sql = f"CREATE USER 'a'@'b' IDENTIFIED BY {quoted} PASSWORD EXPIRE"
        assert secret not in redact.statement(sql)
        assert secret not in redact.error_text(f"Error 'near '{quoted}' at line 1' on query. Query: '{sql}'")
        assert secret not in redact.shape(sql)


def test_what_is_written_down_has_no_values_at_all() -> None:
    assert redact.shape("INSERT INTO t VALUES ('alice@example.com', 0xBEEF, 3)") == "INSERT INTO t VALUES (…, …, 3)"
    assert redact.shape(r"INSERT INTO t VALUES ('a\'b', 'c')") == "INSERT INTO t VALUES (…"
    assert len(redact.shape("INSERT INTO t VALUES (" + "1, " * 1000)) == redact.MOST
