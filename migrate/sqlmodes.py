"""The SQL modes that MySQL has no more: whoever sets one is refused. Pure data."""

from __future__ import annotations

GONE_MODES = frozenset(  # from MySQL 8.0.11 on (its release notes); what they stood for is spelled out beside them
    {
        "NO_AUTO_CREATE_USER", "DB2", "MAXDB", "MSSQL", "MYSQL323", "MYSQL40", "ORACLE", "POSTGRESQL",
        "NO_FIELD_OPTIONS", "NO_KEY_OPTIONS", "NO_TABLE_OPTIONS",
    }
)  # fmt: skip
