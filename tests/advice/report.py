"""How many loops of the corpus a machine can remove by following their advice.

``python -m tests.advice.report`` follows all of them and prints the share of each rule, then the
loops that remain, with the reason or with what was tried.
"""

from __future__ import annotations

import os
import sys
import tempfile
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.advice.by_hand import BY_HAND, takes_a_person
from tests.corpus.labels import Pattern, patterns

if TYPE_CHECKING:
    from tests.advice.applying import Outcome

WIDTH = 80


def table() -> str:
    """The share of each rule, as the tests hold it."""
    loops = [pattern for pattern in patterns() if not pattern.healthy]
    return shares([(rule_of(pattern), str(pattern) not in BY_HAND) for pattern in loops])


def rule_of(pattern: Pattern) -> str:
    """The rule that names the first of a pattern's findings."""
    return pattern.expected[0].rules[0]


def shares(verdicts: list[tuple[str, bool]]) -> str:
    """A line for each rule, and one for all: loops, of which applied, in per cent."""
    loops = Counter(rule for rule, _ in verdicts)
    applied = Counter(rule for rule, done in verdicts if done)
    lines = [f"{'rule':<20}{'loops':>8}{'applied':>10}{'share':>9}"]
    lines += [_line(rule, loops[rule], applied[rule]) for rule in sorted(loops)]
    lines.append(_line("all", loops.total(), applied.total()))
    return "\n".join(lines)


def _line(name: str, loops: int, applied: int) -> str:
    return f"{name:<20}{loops:>8}{applied:>10}{100 * applied / loops:>7.1f} %"


def main() -> int:
    """Print the report; the number of loops that remain unexpectedly is the exit status."""
    outcomes = _outcomes()
    print(shares([(rule_of(pattern), one.applied) for pattern, one in outcomes]))
    remaining = {str(p): one for p, one in outcomes if not one.applied}
    known = {str(pattern) for pattern, _ in outcomes if takes_a_person(str(pattern))}
    surprises = set(remaining) ^ known
    for name, outcome in remaining.items():
        print(f"\n{name} ({outcome.rule})")
        for reason in [BY_HAND[name]] if name in BY_HAND else outcome.reasons:
            print(textwrap.fill(reason, WIDTH, initial_indent="  ", subsequent_indent="    "))
    for name in sorted(surprises & known):
        print(f"\n{name}: takes no person any more")
    return min(len(surprises), 100)


def _outcomes() -> list[tuple[Pattern, Outcome]]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False, aliases={"default", "other"})
    try:
        return _trials()
    finally:
        teardown_databases(databases, verbosity=0)


def _trials() -> list[tuple[Pattern, Outcome]]:
    from tests.advice.applying import Trial

    loops = [pattern for pattern in patterns() if not pattern.healthy and pattern.available]
    with tempfile.TemporaryDirectory() as folder:
        return [(pattern, Trial(pattern, Path(folder)).outcome()) for pattern in loops]


if __name__ == "__main__":
    sys.exit(main())
