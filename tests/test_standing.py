"""How findings stand against a baseline, in lines that fit the terminal."""

from __future__ import annotations

from dataclasses import replace

from nplusone_guard import standing
from nplusone_guard.baseline import Comparison, Entry

ENTRY = Entry(
    "5b6120dbdf46",
    "lazy-relation",
    "zoo/templates/zoo/animals-of-the-keeper.html",
    "{{ animal.cage.label }}",
    until="2020-01-31",
)


def told(compared: Comparison, **options) -> list[str]:
    return list(standing.lines(compared, "known.json", **options))


def test_an_entry_that_is_wider_than_the_terminal_takes_two_rows():
    assert told(Comparison(stale=(ENTRY,)), width=80) == [
        " baseline known.json: 0 known, 0 new, 1 stale",
        "   stale  lazy-relation  zoo/templates/zoo/animals-of-the-keeper.html {{",
        "     animal.cage.label }}  [5b6120dbdf46]",
        "   no longer found; --nplusone-update-baseline=prune removes them",
    ]


def test_a_wide_terminal_has_it_on_one_line():
    lines = told(Comparison(stale=(ENTRY,)), width=120)
    assert lines[1] == (
        "   stale  lazy-relation  zoo/templates/zoo/animals-of-the-keeper.html "
        "{{ animal.cage.label }}  [5b6120dbdf46]"
    )


def test_a_narrow_terminal_has_the_remedy_below():
    lines = told(Comparison(stale=(replace(ENTRY, file="a.html"),)), width=60, strict=True)
    assert lines == [
        " baseline known.json: 0 known, 0 new, 1 stale",
        "   stale  lazy-relation  a.html {{ animal.cage.label }}",
        "     [5b6120dbdf46]",
        "   no longer found, which fails",
        "     --nplusone-update-baseline=prune removes them",
    ]


def test_what_a_terminal_would_obey_is_shown():
    lines = told(Comparison(stale=(replace(ENTRY, file="a\x1b[2J.html"),)), width=120)
    assert lines[1].startswith(r"   stale  lazy-relation  a\x1b[2J.html {{")


def test_20_new_findings_are_named_and_the_others_counted():
    lines = told(Comparison(), new=[f"finding {number}" for number in range(23)])
    assert lines[1] == "   new  finding 0"
    assert lines[20:] == ["   new  finding 19", "   and 3 more"]
    assert told(Comparison(), new=["finding"] * 20)[-1] == "   new  finding"


def test_findings_that_are_not_held_to_it_are_counted_apart():
    assert told(Comparison(), aside=2) == [" baseline known.json: 0 known, 0 new, 2 only reported"]
    assert told(Comparison(), aside=0) == [" baseline known.json: 0 known, 0 new"]
