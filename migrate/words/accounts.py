"""Accounts and what they may, as the database mysql holds it, and the account that replicates. Pure data."""

from __future__ import annotations

from understudy.migrate.words.word import MARIA, MY, Row, Word, both

TABLE: tuple[Row, ...] = (
    Row(Word.ACCOUNTS, MY, (5, 5), "SELECT * FROM mysql.user", "SELECT ON mysql.user"),
    Row(Word.ACCOUNTS, MARIA, (10, 0), "SELECT * FROM mysql.user", "SELECT ON mysql.user"),
    Row(Word.ACCOUNTS, MARIA, (10, 4, 1), "SELECT * FROM mysql.global_priv", "SELECT ON mysql.global_priv"),
    *both(Word.DATABASE_GRANTS, "SELECT * FROM mysql.db", "SELECT ON mysql.db"),
    *both(Word.TABLE_GRANTS, "SELECT * FROM mysql.tables_priv", "SELECT ON mysql.tables_priv"),
    *both(Word.COLUMN_GRANTS, "SELECT * FROM mysql.columns_priv", "SELECT ON mysql.columns_priv"),
    *both(Word.ROUTINE_GRANTS, "SELECT * FROM mysql.procs_priv", "SELECT ON mysql.procs_priv"),
    Row(Word.DYNAMIC_GRANTS, MY, (8, 0), "SELECT * FROM mysql.global_grants", "SELECT ON mysql.global_grants"),
    Row(Word.ROLES, MY, (8, 0), "SELECT * FROM mysql.role_edges", "SELECT ON mysql.role_edges"),
    Row(Word.ROLES, MARIA, (10, 0, 5), "SELECT * FROM mysql.roles_mapping", "SELECT ON mysql.roles_mapping"),
    Row(Word.DEFAULT_ROLES, MY, (8, 0), "SELECT * FROM mysql.default_roles", "SELECT ON mysql.default_roles"),
    Row(Word.PROXIES, MY, (5, 5, 7), "SELECT * FROM mysql.proxies_priv", "SELECT ON mysql.proxies_priv"),
    Row(Word.PROXIES, MARIA, (10, 0), "SELECT * FROM mysql.proxies_priv", "SELECT ON mysql.proxies_priv"),
    Row(Word.CREATE_REPLICATOR, MY, (5, 5), "CREATE USER %s@%s IDENTIFIED BY %s", "CREATE USER"),
    # CONNECTION_ADMIN, READ_ONLY ADMIN: where read_only is set, as on a replica that is to have replicas
    Row(Word.CREATE_REPLICATOR, MY, (8, 0, 1), "CREATE USER %s@%s IDENTIFIED BY %s", "CONNECTION_ADMIN, CREATE USER"),
    Row(Word.CREATE_REPLICATOR, MARIA, (10, 0), "CREATE USER %s@%s IDENTIFIED BY %s", "CREATE USER"),
    Row(
        Word.CREATE_REPLICATOR, MARIA, (10, 5, 2), "CREATE USER %s@%s IDENTIFIED BY %s", "CREATE USER, READ_ONLY ADMIN"
    ),
    *both(Word.GRANT_REPLICATION, "GRANT REPLICATION SLAVE ON *.* TO %s@%s", "GRANT OPTION, REPLICATION SLAVE"),
    *both(Word.REVOKE_REPLICATION, "REVOKE REPLICATION SLAVE ON *.* FROM %s@%s", "GRANT OPTION, REPLICATION SLAVE"),
    *both(Word.DROP_REPLICATOR, "DROP USER %s@%s", "CREATE USER"),
)
