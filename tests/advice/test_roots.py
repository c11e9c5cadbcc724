"""Which rows a relation is read on, where rows of one model lead to others of the same."""

from __future__ import annotations

import pytest

from tests.advice.following import followed
from tests.advice.test_followed import source

pytestmark = pytest.mark.django_db

#: An editor may have the key of an author whom another query has loaded.
EDITED = """
def edited():
    Entry.objects.update(editor=models.F("author"))


def profile_of(entry):
    return getattr(entry.editor, "profile", None)


def work():
    edited()
"""

READS = {
    "straight": """
for author in Author.objects.prefetch_related("entries__editor"):
    for entry in author.entries.all():
        told.append(getattr(entry.editor, "profile"))
""",
    "of_a_name": """
authors = Author.objects.prefetch_related("entries__editor")
for author in authors:
    for entry in author.entries.all():
        editor = entry.editor
        told.append(getattr(editor, "profile", None))
""",
    "in_a_function": """
authors = Author.objects.prefetch_related("entries__editor")
for author in authors:
    for entry in author.entries.all():
        told.append(profile_of(entry))
""",
    "in_a_comprehension": """
authors = Author.objects.prefetch_related("entries__editor").order_by("pk")
told.extend(getattr(e.editor, "profile", None) for one in authors for e in one.entries.all())
""",
    "of_rows_that_were_joined": """
entries = models.Prefetch("entries", queryset=Entry.objects.select_related("editor"))
for author in Author.objects.prefetch_related(entries):
    for entry in author.entries.all():
        told.append(getattr(entry.editor, "profile", None))
""",
    "of_rows_of_another_prefetch": """
entries = models.Prefetch("entries", queryset=Entry.objects.prefetch_related("editor"))
for author in Author.objects.prefetch_related(entries):
    for entry in author.entries.all():
        told.append(getattr(entry.editor, "profile", None))
""",
    "as_an_attribute": """
authors = Author.objects.prefetch_related("entries__editor")
for author in authors:
    for entry in author.entries.all():
        told.append(entry.editor.profile)
""",
}


def run(folder, monkeypatch, name, loop):
    body = EDITED + "\n".join(f"    {line}" for line in loop.strip().split("\n"))
    return followed(folder, monkeypatch, f"root_{name}", source(body))


@pytest.mark.parametrize("name", READS)
def test_the_look_up_goes_on_from_the_rows_that_are_read(name, tmp_path, monkeypatch) -> None:
    before, after = run(tmp_path, monkeypatch, name, READS[name])
    (found,) = before.findings
    assert '.prefetch_related("entries__editor__profile")' in found.advice.text
    assert after is not None
    assert (after.findings, after.result) == ((), before.result)
    assert after.queries == before.queries - found.advice.saves


@pytest.mark.parametrize("name", READS)
def test_rows_that_are_there_are_healthy(name, tmp_path, monkeypatch) -> None:
    loop = READS[name].replace('"entries__editor"', '"entries__editor__profile"')
    loop = loop.replace('_related("editor")', '_related("editor__profile")')
    before, _ = run(tmp_path, monkeypatch, f"{name}_there", loop)
    assert before.findings == ()
