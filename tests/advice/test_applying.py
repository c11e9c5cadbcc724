"""The machine that follows advice accepts what removes a loop, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nplusone_guard.analysis.findings import Finding, Option, Step
from tests.advice.applying import MODELS, Outcome, Program, Trial, run
from tests.corpus.labels import Pattern, patterns

pytestmark = pytest.mark.django_db

JOIN = '.select_related("author")'
BY_NAME = {str(pattern): pattern for pattern in patterns()}

Make = Callable[[Finding], Option]


def option(finding: Finding, *edits: tuple[str, int, str, str], imports: Any = ()) -> Option:
    file = finding.site.file
    steps = tuple(Step(action, file, line, old, new) for action, line, old, new in edits)
    return Option("made by hand", file, finding.site.line, "", "", steps, imports)


def appended(old: str, new: str) -> Make:
    return lambda finding: option(finding, ("append", _loop(finding), old, new))


def replaced(old: str, new: str) -> Make:
    return lambda finding: option(finding, ("replace", finding.site.line, old, new))


def _loop(finding: Finding) -> int:
    assert finding.loop is not None
    return finding.loop.line


def outcome(name: str, folder: Path, *make: Make) -> Outcome:
    pattern: Pattern = BY_NAME[name]
    return Trial(pattern, folder, lambda finding: [one(finding) for one in make]).outcome()


def test_an_option_that_removes_the_loop(tmp_path: Path) -> None:
    join = appended("Entry.objects.order_by('pk')", JOIN)
    found = outcome("forward.forward_fk", tmp_path, join)
    assert found.applied, found.reasons
    assert (found.before, found.after, found.kinds) == (21, 1, ("made by hand",))
    assert f'Entry.objects.order_by("pk"){JOIN}:' in next(iter(found.program.texts.values()))


def test_the_next_option_where_the_first_does_not_fit(tmp_path: Path) -> None:
    wrong = appended("Entry.objects.order_by('id')", JOIN)
    right = appended("Entry.objects.order_by('pk')", JOIN)
    assert outcome("forward.forward_fk", tmp_path, wrong, right).applied


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("forward.forward_fk", lambda f: option(f), "CannotApply: no steps"),
        (
            "forward.forward_fk",
            appended("Entry.objects.order_by('pk')", '.select_related("editor")'),
            "the finding remains",
        ),
        (
            "forward.forward_fk",
            appended("Entry.objects.order_by('pk')", '.select_related("nobody")'),
            "FieldError: Invalid field name(s) given in select_related: 'nobody'.",
        ),
        (
            "forward.forward_fk",
            appended("Entry.objects.order_by('pk')", f"{JOIN}[:3]"),
            "3 values read, not 20",
        ),
        (
            "forward.forward_fk",
            replaced("entry.author.name", "entry.headline"),
            "reads 'Headline 0', not 'Author 0'",
        ),
        (
            "reverse.reverse_fk_length",
            replaced("len(author.entries.all())", "0"),
            "returns [0, 0,",
        ),
        (
            "writes.create_per_row",
            replaced('Tag.objects.create(name=f"New {i}")', "Tag().save()"),
            "other rows in default.corpus.Tag",
        ),
        (
            "forward.forward_fk",
            lambda f: option(f, ("append", f.site.line, "entry.author.name", " +")),
            "CannotApply: does not compile",
        ),
    ],
)
def test_what_is_not_accepted(name: str, make: Make, reason: str, tmp_path: Path) -> None:
    found = outcome(name, tmp_path, make)
    assert not found.applied
    assert found.reasons[0].startswith(f"made by hand: {reason}")


def test_queries_that_still_grow_are_not_accepted(tmp_path: Path) -> None:
    """A finding may be gone for another reason than that its queries are."""
    ignored = "entry.author.name  # nplusone: ignore[lazy-relation] silenced, not solved #"
    found = outcome("forward.forward_fk", tmp_path, replaced("entry.author.name", ignored))
    assert found.reasons == ("made by hand + growth: 3 queries at 2, 21 at 20",)


def test_a_method_of_a_model_is_replaced_while_the_program_runs(tmp_path: Path) -> None:
    pattern = BY_NAME["shapes.counting_property_per_row"]
    program = Program.of(pattern, tmp_path)
    before = run(program, pattern, 5)
    [finding] = before.report.findings
    assert Path(finding.site.file) == MODELS
    edits = (
        Step(
            "replace",
            str(MODELS),
            finding.site.line,
            "self.entries.count()",
            "getattr(self, 'total', None) or self.entries.count()",
        ),
        Step(
            "append",
            finding.loop.file,
            finding.loop.line,
            "Author.objects.order_by('pk')",
            ".annotate(total=Count('entries'))",
        ),
    )
    imports = ("from django.db.models import Count",)
    option = Option("annotate", str(MODELS), finding.site.line, "", "", edits, imports)
    after = run(program.with_option(option), pattern, 5)
    assert after.shown == before.shown
    assert after.report.query_count == 1
    assert run(program, pattern, 5).report.query_count == 6


def test_a_method_may_call_super(tmp_path: Path) -> None:
    pattern = BY_NAME["writes.overridden_save_per_row"]
    program = Program.of(pattern, tmp_path)
    [finding] = run(program, pattern, 5).report.findings
    old = "Author.objects.filter(slug=self.slug).count()"
    edits = (Step("replace", str(MODELS), finding.site.line, old, "1"),)
    option = Option("replace", str(MODELS), finding.site.line, "", "", edits)
    after = run(program.with_option(option), pattern, 5)
    assert after.report.query_count == 6
    assert after.wrote


def test_a_program_leaves_the_corpus_as_it_was(tmp_path: Path) -> None:
    pattern = BY_NAME["forward.forward_fk"]
    known = [str(one) for one in patterns()]
    run(Program.of(pattern, tmp_path), pattern, 2)
    assert [str(one) for one in patterns()] == known
