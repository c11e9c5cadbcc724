"""Advice is followed to the letter, by a machine, on every loop of the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.advice.applying import Trial, unread
from tests.advice.by_hand import BY_HAND, WITHOUT_COLUMNS, takes_a_person
from tests.advice.report import table
from tests.corpus.labels import Pattern, patterns
from tests.test_corpus import marked

PAGE = Path(__file__).parents[2] / "docs" / "advice.md"

LOOPS = [pattern for pattern in patterns() if not pattern.healthy]


@pytest.mark.parametrize("pattern", [marked(pattern) for pattern in LOOPS])
def test_advice_removes_the_loop(pattern: Pattern, tmp_path: Path) -> None:
    """The printed steps lead to the same result, no finding, and as many queries at 2 as at 20."""
    trial = Trial(pattern, tmp_path)
    outcome = trial.outcome()
    if takes_a_person(str(pattern)):
        assert not outcome.applied, f"{pattern} takes no person any more"
    elif not outcome.applied:
        reasons = "\n".join(f"  * {reason}" for reason in outcome.reasons)
        pytest.fail(f"{pattern}: no option removes the loop\n{reasons}", pytrace=False)
    else:
        # What one rule asks to load, another must not call unused.
        assert unread(outcome.program, pattern) <= unread(trial.start, pattern)


def test_exceptions_are_loops_of_the_corpus_and_have_a_reason() -> None:
    assert {*BY_HAND, *WITHOUT_COLUMNS} <= {str(pattern) for pattern in LOOPS}
    assert all(BY_HAND.values())


def test_the_page_shows_the_table() -> None:
    assert f"```text\n{table()}\n```" in PAGE.read_text(encoding="utf-8")
