"""Every rule, family by family. Pure."""

from __future__ import annotations

from understudy.migrate.checks import (
    channels,
    code,
    columns,
    doing,
    evidence,
    keeping,
    keys,
    logins,
    names,
    rehearsals,
    reverse,
    servers,
    settings,
    tables,
    variables,
    waivers,
    written,
)
from understudy.migrate.checks.finding import Rule

RULES: tuple[Rule, ...] = (
    *servers.RULES,
    *settings.RULES,
    *keeping.RULES,
    *channels.RULES,
    *doing.RULES,
    *logins.RULES,
    *reverse.RULES,
    *evidence.RULES,
    *rehearsals.RULES,
    *tables.RULES,
    *keys.RULES,
    *columns.RULES,
    *names.RULES,
    *code.RULES,
    *variables.RULES,
    *written.RULES,
    waivers.EXPIRED,
)
