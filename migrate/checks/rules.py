"""Every rule, family by family. Pure."""

from __future__ import annotations

from understudy.migrate.checks import channels, doing, logins, reverse, servers, settings, waivers
from understudy.migrate.checks.finding import Rule

RULES: tuple[Rule, ...] = (
    *servers.RULES,
    *settings.RULES,
    *channels.RULES,
    *doing.RULES,
    *logins.RULES,
    *reverse.RULES,
    waivers.EXPIRED,
)
