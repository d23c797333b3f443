"""Every rule, family by family. Pure."""

from __future__ import annotations

from understudy.migrate.checks.finding import Rule

RULES: tuple[Rule, ...] = ()
