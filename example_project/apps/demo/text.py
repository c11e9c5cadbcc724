"""The words and tables of the commands: plain text of at most 79 columns."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

from background_tasks.journal_wellness_tasks import VARIANTS, TenantWellness, WellnessReport

WIDTH = 79


def wellness_table(report: WellnessReport) -> str:
    """A line a tenant, and the totals."""
    head = f"  {'tenant':<27}{'people':>8}{'entries':>10}{'mood':>8}{'stress':>9}{'at risk':>10}\n"
    rows = "".join(_tenant_row(tenant) for tenant in report.tenants)
    return f"{head}{rows}\n  {totals(report)}\n"


def totals(report: WellnessReport) -> str:
    """``400 people, 2,011 journal entries, 27 people at risk``."""
    people = sum(tenant.people for tenant in report.tenants)
    entries = sum(tenant.entries for tenant in report.tenants)
    at_risk = sum(len(tenant.at_risk) for tenant in report.tenants)
    return f"{people:,} people, {entries:,} journal entries, {at_risk:,} people at risk"


def _tenant_row(tenant: TenantWellness) -> str:
    return (
        f"  {textwrap.shorten(tenant.tenant, 26, placeholder='...'):<27}"
        f"{tenant.people:>8,}{tenant.entries:>10,}"
        f"{_average(tenant.mood_average):>8}{_average(tenant.stress_average):>9}"
        f"{len(tenant.at_risk):>10,}\n"
    )


def _average(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def paragraph(text: str) -> str:
    """``text`` folded to the width."""
    return textwrap.fill(" ".join(text.split()), WIDTH) + "\n"


def counted(number: int, noun: str) -> str:
    """``1 query``, ``22 queries``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def duration(seconds: float) -> str:
    """``0.24 ms``, ``88.9 ms``, ``2.1 s``."""
    if seconds >= 1:
        return f"{seconds:,.1f} s"
    digits = 2 if seconds < 0.001 else 1
    return f"{seconds * 1000:.{digits}f} ms"


def source_file(variant: str) -> str:
    """The file of a variant, relative to the working directory where it lies below it."""
    path = Path(inspect.getfile(VARIANTS[variant]))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def source_lines(variant: str) -> str:
    """The lines of a variant that read the database, numbered, as they stand in its file."""
    lines, first = inspect.getsourcelines(VARIANTS[variant])
    body = range(_index(lines, "rows = []") + 1, _index(lines, "rows.append"))
    return "".join(f"{first + i}  {lines[i][4:]}" for i in body)


def _index(lines: list[str], text: str) -> int:
    return next(i for i, line in enumerate(lines) if text in line)
