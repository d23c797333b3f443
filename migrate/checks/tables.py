"""Rules about tables as a whole: keys, engines, row formats, and names that the new version claims. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.migrate.checks.case import Case
from understudy.migrate.checks.finding import Found, Rule, Severity
from understudy.migrate.checks.schema import Table
from understudy.migrate.checks.spans import MARIA, MY, Span, holds, listed, maria, my, turn
from understudy.migrate.sqltext import identifier

TRANSACTIONAL = ("innodb", "ndbcluster", "rocksdb", "tokudb")
NATIVE_PARTITIONS = ("innodb", "ndbcluster")
ENGINES: dict[str, tuple[Span, ...]] = {  # SHOW ENGINES, measured; plugins that may be installed, by the manuals
    "innodb": (MY, MARIA),
    "myisam": (MY, MARIA),
    "memory": (MY, MARIA),
    "csv": (MY, MARIA),
    "mrg_myisam": (MY, MARIA),
    "archive": (MY, MARIA),
    "blackhole": (MY, MARIA),
    "federated": (MY, MARIA),
    "example": (MY, MARIA),
    "ndbcluster": (MY,),
    "aria": (MARIA,),
    "connect": (MARIA,),
    "sequence": (MARIA,),
    "spider": (MARIA,),
    "rocksdb": (MARIA,),
    "mroonga": (MARIA,),
    "oqgraph": (MARIA,),
    "sphinx": (MARIA,),
    "s3": (maria((10, 5)),),
    "columnstore": (maria((10, 5)),),
    "tokudb": (maria(until=(10, 6)),),
    "cassandra": (maria(until=(10, 6)),),
}
SPATIAL_INNODB = (my((5, 7, 5)), maria((10, 2, 2)))
DICTIONARY = listed(  # MySQL manual, "Preparing Your Installation for Upgrade"
    "catalogs character_sets check_constraints collations column_statistics column_type_elements columns"
    " dd_properties events foreign_key_column_usage foreign_keys index_column_usage index_partitions index_stats"
    " indexes parameter_type_elements parameters resource_groups routines schemata st_spatial_reference_systems"
    " table_partition_values table_partitions table_stats tables tablespace_files tablespaces triggers"
    " view_routine_usage view_table_usage innodb_ddl_log innodb_dynamic_metadata"
)
OWN_SCHEMAS: dict[str, tuple[Span, ...]] = {
    "sys": (my((5, 7, 7)), maria((10, 6))),
    "ndbinfo": (my((8, 0)),),
}
OPTIONS: tuple[tuple[str, tuple[Span, ...]], ...] = (
    ("row_format=fixed", (my(until=(5, 7)),)),  # of InnoDB; refused since innodb_strict_mode is on by default
    ("page_compressed", (MARIA,)),
    ("encrypted=", (MARIA,)),
    ("compression=", (my((5, 7, 8)),)),
)


def _alter(table: Table, change: str) -> str:
    return f"ALTER TABLE {identifier(table.schema, table.name)} {change};"


def _to_innodb(case: Case, table: Table) -> str:
    spatial = [identifier(index.name) for index in table.indexes if index.type.upper() == "SPATIAL"]
    if spatial and not holds(SPATIAL_INNODB, case.old.version):
        return f"Without the SPATIAL index {', '.join(spatial)}, which InnoDB has not got here, make its engine InnoDB."
    firsts = {index.columns[0] for index in table.indexes if index.columns}
    if any("auto_increment" in column.extra.lower() and column.name not in firsts for column in table.columns):
        return (
            "Give its AUTO_INCREMENT column an index that begins with it, as InnoDB needs, and make its engine InnoDB."
        )
    return _alter(table, "ENGINE=InnoDB")


def _without_key(case: Case) -> Iterator[Found]:
    for table in case.old.schema.tables:
        if table.kind == "SEQUENCE" or table.engine.lower() in ("", "csv", "blackhole", "federated", "mrg_myisam"):
            continue
        if not table.has_key:
            found = "it has neither a primary key nor a unique one without NULL"
            yield Found(case.old.address, found, table.path, tuple(_keying(table)))


def _keying(table: Table) -> Iterator[str]:
    """MySQL manual, "Replication and AUTO_INCREMENT": an added column may number the rows otherwise on each server."""
    for index in table.indexes:
        if index.unique and index.columns and not index.expressions:
            columns = ", ".join(index.columns)
            yield f"Where no row has NULL in it: say NOT NULL of {columns}, which {index.name} keeps unique."
    yield "Make columns that identify a row its PRIMARY KEY."
    yield (
        "Where there are none, copy the rows into a table like it with a key that numbers them, by INSERT … SELECT …"
        " ORDER BY all columns, while nobody writes, and rename the two. Don't add an AUTO_INCREMENT column by ALTER"
        " TABLE: replicas may number the rows in another order, and changes then hit the wrong rows there."
    )


def _not_transactional(case: Case) -> Iterator[Found]:
    for table in case.old.schema.tables:
        if table.engine and table.engine.lower() not in TRANSACTIONAL and table.kind != "SEQUENCE":
            severity = Severity.NOTE if table.engine.lower() in ("blackhole", "memory", "federated") else None
            mend = (_to_innodb(case, table),)
            yield Found(case.old.address, f"its engine is {table.engine}", table.path, mend, severity)


def _can_store(case: Case, engine: str) -> bool:
    if case.new and case.new.schema.engines:
        return engine in case.new.schema.engines
    return holds(ENGINES.get(engine, (MY, MARIA)), case.target)


def _engine_missing(case: Case) -> Iterator[Found]:
    for table in case.old.schema.tables:
        engine = table.engine.lower()
        if engine and table.kind != "SEQUENCE" and not _can_store(case, engine):
            mend = (_to_innodb(case, table),)
            yield Found(case.old.address, f"{case.target} here has no engine {table.engine}", table.path, mend)


def _kind_missing(case: Case) -> Iterator[Found]:
    if not case.target.is_mysql():
        return
    for table in case.old.schema.tables:
        if table.kind in ("SEQUENCE", "SYSTEM VERSIONED"):
            what = "a sequence" if table.kind == "SEQUENCE" else "a system-versioned table"
            instead = (
                "a table with AUTO_INCREMENT" if table.kind == "SEQUENCE" else "a table of its own for the history"
            )
            yield Found(case.old.address, f"it is {what}", table.path, (f"Use {instead}.",))


def _partitions(case: Case) -> Iterator[Found]:
    if not case.target.is_mysql(8) or case.old.version.is_mysql(8):
        return
    for table in case.old.schema.tables:
        if table.is_partitioned and table.engine.lower() not in NATIVE_PARTITIONS:
            mend = (_to_innodb(case, table), "or:", _alter(table, "REMOVE PARTITIONING"))
            yield Found(case.old.address, f"it is partitioned, and its engine is {table.engine}", table.path, mend)


def _unreadable(case: Case) -> Iterator[Found]:
    for table in case.old.schema.tables:
        if not table.engine and table.trouble:
            mend = (f"CHECK TABLE {identifier(table.schema, table.name)};", "Repair, restore or drop it.")
            yield Found(case.old.address, f"the server can't open it: {table.trouble}", table.path, mend)


def _options(case: Case) -> Iterator[Found]:
    for table in case.old.schema.tables:
        options = table.options.lower().replace("`", "")
        for option, spans in OPTIONS:
            if option in options and not holds(spans, case.target) and not _is_harmless(table, option):
                name = option.rstrip("=")
                found = f"it was made with {name}: {turn(spans, case.target)}"
                mend = (
                    _alter(table, "ROW_FORMAT=DYNAMIC") if "row_format" in name else f"Create it without {name} there."
                )
                yield Found(case.old.address, found, table.path, (mend,))


def _is_harmless(table: Table, option: str) -> bool:
    return option == "row_format=fixed" and table.engine.lower() != "innodb"


def _compressed(case: Case) -> Iterator[Found]:
    if not case.target.is_mariadb(10, 6) or case.old.version.is_mariadb(10, 6):
        return
    for table in case.old.schema.tables:
        if table.engine.lower() == "innodb" and table.row_format.lower() == "compressed":
            mend = (_alter(table, "ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=0"),)  # beside a size DYNAMIC is refused
            yield Found(case.old.address, "ROW_FORMAT=COMPRESSED", table.path, mend)


def _dictionary(case: Case) -> Iterator[Found]:
    """MariaDB's `index_stats` and `table_stats` are its own, and it is never upgraded in place to MySQL."""
    if not case.target.is_mysql(8) or case.old.version.is_mysql(8) or case.old.version.is_mariadb():
        return
    for name in sorted(case.old.schema.own_tables):
        if name.lower() in DICTIONARY:
            mend = (f"RENAME TABLE {identifier('mysql', name)} TO {identifier('mysql', name + '_old')};",)
            yield Found(case.old.address, "MySQL's own data dictionary has a table of this name", f"mysql.{name}", mend)


def _own_schema(case: Case) -> Iterator[Found]:
    for home in case.old.schema.homes:
        spans = OWN_SCHEMAS.get(home.name.lower())
        if spans and holds(spans, case.target) and not holds(spans, case.old.version):
            mend = ("Move its tables to a database of another name, by RENAME TABLE … TO …",)
            yield Found(case.old.address, f"{case.target} has a database of this name of its own", home.name, mend)


RULES: tuple[Rule, ...] = (
    Rule(
        "table-without-primary-key",
        Severity.WARNING,
        "For each changed row a replica scans the whole table, and verifying can't go by ranges of keys.",
        _without_key,
    ),
    Rule(
        "table-not-transactional",
        Severity.WARNING,
        "A consistent copy needs a lock, a crash corrupts it, and a failed statement stays half done on one side.",
        _not_transactional,
    ),
    Rule("engine-missing", Severity.ERROR, "The table can't be created in the new version.", _engine_missing),
    Rule(
        "table-kind-missing", Severity.ERROR, "MySQL has neither sequences nor system-versioned tables.", _kind_missing
    ),
    Rule(
        "partitions-not-native",
        Severity.ERROR,
        "Since MySQL 8.0 only InnoDB and NDB partition tables; the server refuses to upgrade or to load the rest.",
        _partitions,
    ),
    Rule("table-unreadable", Severity.ERROR, "It can be neither copied nor upgraded.", _unreadable),
    Rule(
        "table-option-missing",
        Severity.ERROR,
        "CREATE TABLE with the option is refused; ROW_FORMAT=FIXED of InnoDB since innodb_strict_mode is the default"
        " (MySQL 5.7.7, MariaDB 10.2.2).",
        _options,
    ),
    Rule(
        "row-format-compressed",
        Severity.NOTE,
        "MariaDB 10.6 made such tables read-only by innodb_read_only_compressed, off again since 10.6.6.",
        _compressed,
    ),
    Rule(
        "dictionary-clash",
        Severity.ERROR,
        "Since MySQL 8.0 the data dictionary is in the database mysql; an upgrade in place stops at such a table.",
        _dictionary,
    ),
    Rule("schema-clash", Severity.ERROR, "The server's own objects and the application's would be mixed.", _own_schema),
)
