"""How information_schema is asked for definitions: the same columns in the same order from every version. Pure.

A column that a version doesn't have is asked for as a constant. Each question goes over all databases at once. What an
account sees is what its privileges show: they are those of the words of the same tables in `words` (Word.TABLES,
Word.COLUMNS and so on), except that a routine's body needs SELECT on everything here, as rows do anyway.
"""

from __future__ import annotations

from understudy.migrate.versions import Version

ALIEN = "NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"

DATABASES = (
    "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
    f" WHERE SCHEMA_NAME {ALIEN}"
)
TABLES = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, CREATE_OPTIONS, TABLE_COMMENT,"
    f" AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA {ALIEN}"
)
FOREIGN_KEYS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION, COLUMN_NAME, REFERENCED_TABLE_SCHEMA,"
    " REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE"
    f" WHERE REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_SCHEMA {ALIEN}"
)
RULES = (
    "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, UPDATE_RULE, DELETE_RULE"
    f" FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA {ALIEN}"
)
PARTITIONS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, PARTITION_NAME, SUBPARTITION_NAME, PARTITION_METHOD, SUBPARTITION_METHOD,"
    " PARTITION_EXPRESSION, SUBPARTITION_EXPRESSION, PARTITION_DESCRIPTION, PARTITION_COMMENT"
    f" FROM information_schema.PARTITIONS WHERE PARTITION_METHOD IS NOT NULL AND TABLE_SCHEMA {ALIEN}"
)
ROUTINES = (
    "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION, IS_DETERMINISTIC, SQL_DATA_ACCESS,"
    " SECURITY_TYPE, SQL_MODE, ROUTINE_COMMENT, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION"
    f" FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA {ALIEN}"
)
PARAMETERS = (
    "SELECT SPECIFIC_SCHEMA, SPECIFIC_NAME, ROUTINE_TYPE, ORDINAL_POSITION, PARAMETER_MODE, PARAMETER_NAME,"
    " DTD_IDENTIFIER, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.PARAMETERS"
    f" WHERE SPECIFIC_SCHEMA {ALIEN}"
)
COLLATIONS = "SELECT CHARACTER_SET_NAME, DEFAULT_COLLATE_NAME FROM information_schema.CHARACTER_SETS"
TRIGGERS = (
    "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER,"
    " ACTION_STATEMENT, SQL_MODE, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION"
    f" FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA {ALIEN}"
)
EVENTS = (
    "SELECT EVENT_SCHEMA, EVENT_NAME, EVENT_DEFINITION, EVENT_TYPE, EXECUTE_AT, INTERVAL_VALUE, INTERVAL_FIELD, STARTS,"
    " ENDS, ON_COMPLETION, STATUS, SQL_MODE, EVENT_COMMENT, DEFINER, TIME_ZONE, CHARACTER_SET_CLIENT,"
    " COLLATION_CONNECTION, DATABASE_COLLATION"
    f" FROM information_schema.EVENTS WHERE EVENT_SCHEMA {ALIEN}"
)
MARIADB_CHECKS = (
    "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, 'YES'"
    f" FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA {ALIEN}"
)
MYSQL_CHECKS = (
    "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, t.ENFORCED"
    " FROM information_schema.TABLE_CONSTRAINTS t JOIN information_schema.CHECK_CONSTRAINTS c"
    f" USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME) WHERE t.CONSTRAINT_TYPE = 'CHECK' AND t.TABLE_SCHEMA {ALIEN}"
)


def columns(version: Version) -> str:
    """Columns of tables and views."""
    generated = version.is_mysql(5, 7, 6) or version.is_mariadb(10, 2, 5)
    return (
        "SELECT TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_DEFAULT, IS_NULLABLE, DATA_TYPE,"
        " COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, EXTRA, COLUMN_COMMENT,"
        f" {'GENERATION_EXPRESSION' if generated else 'NULL'}, {'SRS_ID' if version.is_mysql(8, 0, 3) else 'NULL'}"
        f" FROM information_schema.COLUMNS WHERE TABLE_SCHEMA {ALIEN}"
    )


def indexes(version: Version) -> str:
    """Each column of each index; without CARDINALITY, for which MySQL 5.6 and MariaDB would open every table."""
    expression = "EXPRESSION" if version.is_mysql(8, 0, 13) else "NULL"
    return (
        "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, COLLATION, NON_UNIQUE,"
        f" INDEX_TYPE, INDEX_COMMENT, {hidden(version)}, {expression}"
        f" FROM information_schema.STATISTICS WHERE TABLE_SCHEMA {ALIEN}"
    )


def hidden(version: Version) -> str:
    """The expression that is 'YES' of an index that the optimizer may not use."""
    if version.is_mysql(8):
        return "IF(IS_VISIBLE = 'NO', 'YES', 'NO')"
    return "IGNORED" if version.is_mariadb(10, 6) else "'NO'"


def views(version: Version) -> str:
    """Views; the last column is the ALGORITHM, which MySQL's information_schema doesn't have (measured to 9.7)."""
    return (
        "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, DEFINER, SECURITY_TYPE, CHARACTER_SET_CLIENT,"
        f" COLLATION_CONNECTION, {'ALGORITHM' if version.is_mariadb(10, 5) else 'NULL'}"
        f" FROM information_schema.VIEWS WHERE TABLE_SCHEMA {ALIEN}"
    )


def checks(version: Version) -> str:
    """CHECK constraints; empty where the version knows none."""
    if version.is_mariadb(10, 2, 22):
        return MARIADB_CHECKS
    return MYSQL_CHECKS if version.is_mysql(8, 0, 16) else ""
