"""Where a finding must point: the line, of a template or of Python, that carries a mark."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).parent
_MARK = re.compile(r"# ?@(\w+)|# site:(\w+)")


@lru_cache
def marked_lines():
    """Mark → file and line."""
    files = [*sorted(HERE.rglob("*.*")), HERE.parent / "corpus" / "models.py"]
    return {
        found[1] or found[2]: f"{path.name}:{number}"
        for path in files
        if path.suffix in {".py", ".html"} and not path.name.startswith("test_")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for found in _MARK.finditer(line)
    }


def at(name, mark):
    """``{{ entry.author.name }} @ row.html:1``."""
    return f"{name} @ {marked_lines()[mark]}"


def shown(site):
    return f"{site.function} @ {Path(site.file).name}:{site.line}" if site is not None else None


def found(report):
    """Site, loop and count of each statement that loops."""
    return {
        (shown(statement.site), shown(finding.loop), statement.count)
        for finding in report.findings
        for statement in finding.statements
    }
