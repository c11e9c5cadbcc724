"""Steps change the text where they point, and refuse to where they do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

import pytest

from tests.advice.editing import CannotApply, edited

SOURCE = dedent(
    '''\
    """A module."""

    from django.db.models import Count


    def names(authors):
        """Everyone's."""
        found = []
        for author in (
            Author.objects
            .order_by("pk")  # in order
        ):
            found.append(author.country.name), found.append("é"), author.books.count()
            author.save()
        return found
    '''
)


@dataclass(frozen=True)
class Step:
    action: str
    line: int
    old: str = ""
    new: str = ""
    file: str = "names.py"


def changed(*steps: Step, imports: tuple[str, ...] = ()) -> str:
    """The lines that a unified diff would show, without those around them."""
    before, after = SOURCE.splitlines(), edited(SOURCE, steps, imports).splitlines()
    new = [line.strip() for line in after if line not in before]
    gone = [f"- {line.strip()}" for line in before if line not in after]
    return "\n".join(gone + new)


def test_append_goes_behind_the_expression_wherever_it_ends() -> None:
    step = Step("append", 10, "Author.objects.order_by('pk')", '.select_related("country")')
    assert changed(step) == dedent(
        """\
        - .order_by("pk")  # in order
        .order_by("pk").select_related("country")  # in order"""
    )


def test_append_to_a_part_of_an_expression() -> None:
    step = Step("append", 10, "Author.objects", '.select_related("country")')
    assert changed(step).splitlines()[-1] == 'Author.objects.select_related("country")'


def test_replace_counts_characters_and_not_bytes() -> None:
    step = Step("replace", 13, "author.books.count()", "author.book_total")
    assert changed(step).endswith('found.append("é"), author.book_total')


def test_replace_of_a_statement_keeps_its_indentation() -> None:
    step = Step("replace", 14, "author.save()", "if author:\n    saved.append(author)")
    text = edited(SOURCE, [step])
    assert "\n        if author:\n            saved.append(author)\n    return found" in text


def test_replace_of_a_target() -> None:
    assert changed(Step("replace", 8, "found", "seen")).endswith("seen = []")


def test_several_steps_are_meant_for_the_text_as_it_was() -> None:
    text = edited(
        SOURCE,
        [
            Step("insert-before", 9, new="keys = []\nsaved = []"),
            Step("replace", 14, "author.save()", "saved.append(author)"),
            Step("insert-after", 9, new="Author.objects.bulk_update(saved, fields)"),
        ],
    )
    assert "found = []\n    keys = []\n    saved = []\n    for author" in text
    assert "    saved.append(author)\n    Author.objects.bulk_update(saved, fields)\n" in text


def test_delete_takes_the_line_and_leaves_no_empty_block() -> None:
    assert changed(Step("delete", 14, "author.save()")) == "- author.save()"
    first = Step("delete", 13, SOURCE.splitlines()[12].strip())
    only = edited(edited(SOURCE, [first]), [Step("delete", 13, "author.save()")])
    assert "):\n        pass\n    return found" in only


def test_imports_go_below_the_docstring_unless_they_are_there() -> None:
    known, new = "from django.db.models import Count", "from django.db.models import Prefetch"
    assert changed(imports=(known, new)) == new
    assert edited(SOURCE, [], (new,)).splitlines()[1] == new


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([Step("append", 8, "Author.objects", ".all()")], "line 8 does not have Author.objects"),
        ([Step("replace", 14, "author.save(", "x")], "does not parse: author.save("),
        ([Step("replace", 14, "a; b", "x")], "not one expression or statement: a; b"),
        ([Step("insert-before", 11, new="x = 1")], "no statement starts on line 11"),
        ([Step("delete", 13, "author.country")], "no statement: author.country"),
        ([Step("rename", 13, "author")], "unknown action 'rename'"),
        (
            [
                Step("replace", 13, "author.country.name", "name"),
                Step("append", 13, "author.country", ".code"),
            ],
            "two steps change the same text",
        ),
    ],
)
def test_what_does_not_fit_is_refused(steps: list[Step], reason: str) -> None:
    with pytest.raises(CannotApply) as caught:
        edited(SOURCE, steps)
    assert str(caught.value) == reason
