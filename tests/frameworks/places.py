"""Where a finding must point: the line of the shop that carries a mark."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

SHOP = Path(__file__).parent / "shop"


@lru_cache
def marked_lines():
    """Mark → file and line."""
    return {
        line.partition("# @")[2].split()[0]: f"{path.name}:{number}"
        for path in sorted(SHOP.rglob("*.*"))
        if path.suffix in {".py", ".html"}
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "# @" in line
    }


def line_of(mark):
    return marked_lines()[mark]


def shown(site):
    """``EntrySerializer.author @ serializers.py:12``."""
    return f"{site.function} @ {Path(site.file).name}:{site.line}" if site is not None else None


def place(name, mark):
    return f"{name} @ {line_of(mark)}"


def found(report):
    """Site, loop and count of each statement that loops."""
    return {
        (shown(statement.site), shown(finding.loop), statement.count)
        for finding in report.findings
        for statement in finding.statements
    }
