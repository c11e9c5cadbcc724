"""Rows that are missing: which error there is then, and who takes it."""

from __future__ import annotations

import pytest

from tests.advice.following import followed
from tests.advice.test_followed import source

pytestmark = pytest.mark.django_db

MISSING = 'GET["ids"].split(",") + ["7"]'

#: The same error for a caller, at the price of one query for the row that is missing.
KEPT = {
    "caught_by_a_caller": """
def load():
    return [Author.objects.get(pk=pk).name for pk in MISSING]


def work():
    try:
        load()
    except Author.DoesNotExist as error:
        told.append(str(error))
""",
    "caught_by_a_caller_of_a_helper": """
def load():
    def name_of(pk):
        return Author.objects.get(pk=pk).name

    for pk in MISSING:
        told.append(name_of(pk))


def work():
    try:
        load()
    except Author.DoesNotExist:
        told.append("none")
""",
    "a_key_that_counts_on": """
def load():
    pk = KEYS[0]
    for author in Author.objects.order_by("pk"):
        told.append((author.slug, Entry.objects.get(pk=pk).slug))
        pk += 2


def work():
    try:
        load()
    except Entry.DoesNotExist:
        told.append("none")
""",
    "404": """
for pk in MISSING:
    told.append(get_object_or_404(Author, pk=pk).name)
""",
    "404_that_a_caller_takes": """
from django.http import Http404


def load():
    for slug in GET.getlist("slug") + ["nobody"]:
        told.append(get_object_or_404(Author.objects.filter(rating__gt=0), slug=slug).name)


def work():
    try:
        load()
    except Http404:
        told.append("none")
""",
}

#: What the loop's own function takes is edited along; what may be NULL is no row.
TAKEN = {
    "handled_in_the_function": """
try:
    for pk in MISSING:
        told.append(Author.objects.get(pk=pk).name)
except Author.DoesNotExist:
    told.append("none")
""",
    "handled_with_all_others": """
for pk in MISSING:
    try:
        told.append(Author.objects.get(pk=pk).name)
    except Exception:
        told.append("none")
""",
    "the_latest_of_none": """
for author in Author.objects.order_by("pk"):
    try:
        told.append(author.entries.filter(rating__gt=1).latest("pk").slug)
    except Entry.DoesNotExist:
        told.append("none")
""",
    "a_key_that_is_null": """
Entry.objects.filter(slug="e1").update(editor=None)
for entry in Entry.objects.order_by("pk"):
    try:
        editor = Author.objects.get(pk=entry.editor_id)
    except Author.DoesNotExist:
        told.append("none")
    else:
        told.append(editor.name)
""",
    "a_filter_by_a_key_that_is_null": """
Entry.objects.filter(slug="e1").update(editor=None)
for entry in Entry.objects.order_by("pk"):
    told.append([editor.name for editor in Author.objects.filter(pk=entry.editor_id)])
""",
    "the_first_of_a_relation_to_one": """
for author in Author.objects.order_by("pk"):
    told.append(Badge.objects.filter(author=author).first())
""",
    "all_of_a_relation_to_one": """
for author in Author.objects.order_by("pk"):
    told.append([badge.pk for badge in Badge.objects.filter(author=author)])
""",
    "a_row_that_is_gone_when_it_is_refreshed": """
authors = list(Author.objects.order_by("pk"))
Author.objects.filter(slug="a1").delete()
for author in authors:
    try:
        author.refresh_from_db()
    except Author.DoesNotExist:
        told.append("none")
""",
}


def body(text: str) -> str:
    return source(text.replace("MISSING", MISSING))


@pytest.mark.parametrize("name", KEPT)
def test_an_error_that_a_caller_may_take_stays_what_it_is(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"kept_{name}", body(KEPT[name]))
    assert "a missing row" not in before.findings[0].advice.text
    assert after is not None
    assert (after.result, after.stored) == (before.result, before.stored)
    assert not after.findings
    assert before.queries - after.queries == before.findings[0].advice.saves - 1


REFRESHED = """
def load(authors):
    for author in authors:
        author.refresh_from_db()


def work():
    authors = list(Author.objects.order_by("pk"))
    Author.objects.filter(slug="a2").delete()
    try:
        load(authors)
    except Author.DoesNotExist:
        told.append("none")
"""


def test_no_other_error_takes_the_place_of_one_that_a_caller_takes(tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, "refreshed", body(REFRESHED))
    assert before.findings
    assert before.result == ["none"]
    assert after is None


def test_rows_that_are_refreshed_for_nobody_are_read_at_once(tmp_path, monkeypatch) -> None:
    text = REFRESHED.replace("except Author.DoesNotExist", "except ValueError")
    _, after = followed(tmp_path, monkeypatch, "refreshed_alone", body(text))
    assert after is not None


def test_a_key_that_counts_on_loads_all_rows(tmp_path, monkeypatch) -> None:
    text = "pk = KEYS[0]\nfor author in Author.objects.order_by('pk'):\n"
    text += "    told.append(Entry.objects.get(pk=pk).slug)\n    pk += 1"
    before, _ = followed(tmp_path, monkeypatch, "counts_on", body(text), rounds=0)
    assert before.findings[0].advice.text.endswith(
        "(a missing row raises KeyError, no longer Entry.DoesNotExist) (loads all Entry rows)"
    )


@pytest.mark.parametrize("name", TAKEN)
def test_a_missing_row_is_taken_as_before(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"taken_{name}", body(TAKEN[name]))
    assert before.findings
    assert "a missing row" not in before.findings[0].advice.text
    assert after is not None, before.findings[0].advice.text
    assert (after.result, after.stored) == (before.result, before.stored)
    assert not after.findings


#: Edits, and words, after which nobody takes another error: how each sentence ends.
TOLD = {
    "a_key": (
        "for pk in MISSING:\n    told.append(Author.objects.get(pk=pk).name)",
        "read authors[int(pk)] (a missing row raises KeyError, no longer Author.DoesNotExist)",
    ),
    "one_of_several": (
        "for pk in MISSING:\n    told.append(Entry.objects.get(author_id=pk).slug)",
        "[int(pk)][0] (a missing row raises KeyError, no longer Entry.DoesNotExist)",
    ),
    "a_row_of_a_relation": (
        (
            "for author in Author.objects.order_by('pk'):\n"
            "    told.append(author.entries.get(rating__gte=0).slug)"
        ),
        "[0] (a missing row raises IndexError, no longer Entry.DoesNotExist)",
    ),
    "the_latest": (
        (
            "for author in Author.objects.order_by('pk'):\n"
            "    told.append(author.entries.latest('pk').slug)"
        ),
        "[0] (a missing row raises IndexError, no longer Entry.DoesNotExist)",
    ),
    "a_key_that_may_be_null": (
        (
            "for entry in Entry.objects.order_by('pk'):\n"
            "    told.append(Author.objects.get(pk=entry.editor_id).name)"
        ),
        "read entry.editor (a missing row is None, no longer Author.DoesNotExist)",
    ),
    "refreshed": (
        "for author in Author.objects.order_by('pk'):\n    author.refresh_from_db()",
        "[author.pk] (a missing row raises KeyError, no longer Author.DoesNotExist)",
    ),
    "a_helper": (
        (
            "def one(pk):\n    return Author.objects.get(pk=pk).name\n\n\n"
            "def work():\n    for pk in GET['ids'].split(','):\n        told.append(one(pk))"
        ),
        (
            "by keys of the field's type (a missing row raises KeyError, no longer "
            "Author.DoesNotExist)"
        ),
    ),
    "404_of_a_helper": (
        (
            "def one(pk):\n    return get_object_or_404(Author, pk=pk).name\n\n\n"
            "def work():\n    for pk in GET['ids'].split(','):\n        told.append(one(pk))"
        ),
        "by keys of the field's type, and raise Http404 where there is no row",
    ),
    "404_of_a_relation": (
        (
            "for author in Author.objects.order_by('pk'):\n"
            "    told.append(len(get_list_or_404(Entry, author=author)))"
        ),
        "and read author.entries.all(), and raise Http404 where there is no row",
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_another_error_is_told(name, tmp_path, monkeypatch) -> None:
    text, end = TOLD[name]
    before, _ = followed(tmp_path, monkeypatch, f"told_{name}", body(text), rounds=0)
    assert before.findings[0].advice.text.endswith(end)


#: Look-ups that are no error where there is no row.
SILENT = {
    "first": "for pk in MISSING:\n    told.append(Author.objects.filter(pk=pk).first())",
    "exists": "for pk in MISSING:\n    told.append(Author.objects.filter(pk=pk).exists())",
    "a_relation_to_one": "for author in Author.objects.order_by('pk'):\n"
    "    told.append(Profile.objects.get(author=author).pk)",
    "a_key_that_is_never_null": "for entry in Entry.objects.order_by('pk'):\n"
    "    told.append(Author.objects.get(pk=entry.author_id).name)",
}


@pytest.mark.parametrize("name", SILENT)
def test_nothing_is_told_where_no_error_changes(name, tmp_path, monkeypatch) -> None:
    before, _ = followed(tmp_path, monkeypatch, f"silent_{name}", body(SILENT[name]), rounds=0)
    assert before.findings
    assert "missing row" not in before.findings[0].advice.text
