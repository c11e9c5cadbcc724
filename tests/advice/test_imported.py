"""Models that a function imports for itself, and querysets among others: which one is to change."""

from __future__ import annotations

import pytest

from tests.advice.following import followed, load, shown

pytestmark = pytest.mark.django_db

SIZE = 3

SLUGS = """
def run():
    from tests.corpus.models import Author, {name}

    told = []
    for author in Author.objects.order_by("pk"):
        entries = {model}.objects.filter(author=author).order_by("pk")
        told.append([entry.slug for entry in entries])
    return told
"""


@pytest.mark.parametrize(("name", "model"), [("Entry", "Entry"), ("Entry as Row", "Row")])
def test_a_model_that_a_function_imports_is_known(tmp_path, monkeypatch, name, model):
    source = SLUGS.format(name=name, model=model)
    before, after = followed(tmp_path, monkeypatch, f"imported_{model}", source, SIZE)
    assert after is not None
    assert (before.queries, after.queries) == (SIZE + 1, 2)
    assert (after.result, after.findings) == (before.result, ())


MIXED = """
def run():
    from tests.corpus.models import {models}

    told = []
    for rows, whole in [
        (Country.objects.order_by("pk"), False),
        (Entry.objects.order_by("pk"), True),
        (Blog.objects.order_by("pk"), False),
    ]:
        for row in rows:
            told.append(row.author.name if whole else row.name)
    return told
"""


def test_among_querysets_of_several_models_that_of_the_rows_is_changed(tmp_path, monkeypatch):
    source = MIXED.format(models="Blog, Country, Entry")
    before, after = followed(tmp_path, monkeypatch, "mixed", source, SIZE, rounds=1)
    assert (before.queries - after.queries, after.result) == (SIZE, before.result)


def test_among_querysets_that_say_nothing_of_their_model_none_is_changed(tmp_path, monkeypatch):
    source = """
from tests.corpus.models import Author, Country


def run():
    from tests.corpus import models

    told, entry = [], "Entry"
    for rows, whole in [
        (Country.objects.order_by("pk"), False),
        (getattr(models, entry).objects.order_by("pk"), True),
        (getattr(models, "Blog").objects.order_by("pk"), False),
    ]:
        for row in rows:
            told.append(row.author.name if whole else row.name)
    return told
"""
    before = shown(load(tmp_path, "unknown", source, monkeypatch), SIZE)
    (finding,) = before.findings
    assert 'add .select_related("author")' in finding.advice.text
    assert [step for option in finding.advice.options for step in option.steps] == []


CREATED = """
from tests.corpus.models import Author, Blog


def slugs(blog):
    return sorted(entry.slug for entry in blog.entry_set.all())


def first_of(author):
    blog = Blog.objects.{made}(owner=author, name="new")
    return slugs({read})


def run():
    return [first_of(author) for author in Author.objects.order_by("pk")]
"""


def test_rows_that_are_made_are_read_by_no_queryset(tmp_path, monkeypatch):
    source = CREATED.format(made="create", read="blog")
    before = shown(load(tmp_path, "created", source, monkeypatch), SIZE)
    (finding,) = before.findings
    assert "Blog.objects" not in [s.old for o in finding.advice.options for s in o.steps]
    assert finding.advice.text == (
        'add .prefetch_related("entry_set") to the queryset that loads the Blog rows'
    )


SENT = """
from tests.corpus.models import Author, Blog


def slugs(blog):
    return sorted(entry.slug for entry in blog.entry_set.all())


def told(key):
    blog = Blog.objects.create(owner_id=key, name="new")
    return slugs(blog)


def run():
    read = list(Author.objects.order_by("pk").values_list("pk", flat=True))
    keys, found = [*read], []
    for key in keys:
        found.append(told(key))
    return found
"""


def test_rows_that_are_made_for_those_of_the_loop_are_not_those(tmp_path, monkeypatch):
    before = shown(load(tmp_path, "sent", SENT, monkeypatch), SIZE)
    told = [one.advice for one in before.findings if one.relation == "corpus.Blog.entry_set"]
    assert len(told) == 1
    assert "prefetch_related_objects" not in told[0].text


OPEN = """
from tests.corpus.models import Author


class Form:
    def __init__(self, **cleaned_data):
        self.cleaned_data = cleaned_data


def names(form):
    rows = form.cleaned_data["authors"] or form.everything()
    return [author.country.name for author in rows]


def run():
    handler = names  # as a framework calls it
    return handler(Form(authors=Author.objects.order_by("pk")))
"""


def test_an_object_that_holds_a_queryset_is_none(tmp_path, monkeypatch):
    before = shown(load(tmp_path, "held", OPEN, monkeypatch), SIZE)
    (finding,) = before.findings
    assert 'add .select_related("country")' in finding.advice.text
    olds = [step.old for option in finding.advice.options for step in option.steps]
    assert "form" not in olds


FIRST = OPEN.replace("author.country.name", 'author.entries.filter(status="live").first()')


def test_what_the_loop_reads_changes_only_with_the_queryset(tmp_path, monkeypatch):
    before, after = followed(tmp_path, monkeypatch, "first_of_held", FIRST, SIZE, rounds=1)
    assert len(before.findings) == 1
    assert after is None or after.result == before.result


BESIDE = """
from tests.corpus.models import Author, Blog, Country


class Box:
    def __init__(self, rows):
        self.rows = rows


def run():
    box, told = Box([Blog(pk=1)]), []
    for country in Country.objects.prefetch_related("authors").order_by("pk"):
        row = box.rows[0]
        told.append(sorted(entry.slug for entry in row.entry_set.all()))
    return told
"""


def test_rows_of_the_loop_do_not_lead_to_those_of_another_model(tmp_path, monkeypatch):
    before = shown(load(tmp_path, "beside", BESIDE, monkeypatch), SIZE)
    (finding,) = before.findings
    assert "authors" not in finding.advice.text


TWICE = """
from tests.corpus.models import Author


def names(authors):
    for author in authors:
        if not author.name:
            raise ValueError
    return [sorted(entry.slug for entry in author.entries.all()) for author in {again}]


def run():
    handler = names  # as a framework calls it
    return handler(Author.objects.order_by("pk"))
"""


def test_a_parameter_of_two_loops_is_not_changed_in_one(tmp_path, monkeypatch):
    before, after = followed(tmp_path, monkeypatch, "twice", TWICE.format(again="authors"), SIZE)
    assert before.findings[0].advice.text.startswith('add .prefetch_related("entries")')
    assert after is None


def test_a_parameter_of_one_loop_is_changed_there(tmp_path, monkeypatch):
    start = TWICE.index("    for author in authors")
    text = TWICE[:start] + TWICE[TWICE.index("    return [") :].format(again="authors")
    before, after = followed(tmp_path, monkeypatch, "once", text, SIZE)
    assert after is not None
    assert (after.result, after.queries) == (before.result, 2)


UNSAVED = """
from tests.corpus.models import Note


def made():
    return [Note(slug=f"new-{number}") for number in range(3)]


def run():
    notes = made()
    for note in notes:
        note.text = "told"
        note.save()
    return sorted(Note.objects.values_list("slug", "text"))
"""


def test_rows_that_have_no_key_yet_are_not_updated(tmp_path, monkeypatch):
    before, after = followed(tmp_path, monkeypatch, "unsaved", UNSAVED, SIZE, rounds=1)
    assert len(before.findings) == 1
    assert after is None or (after.result, after.stored) == (before.result, before.stored)


TESTED = """
from tests.corpus.models import Author, Note

MODE = type("Mode", (), {"kind": "loose"})


def run():
    told = []
    for author in Author.objects.order_by("pk"):
        if (
            author.pk
            and MODE.kind != "strict"
            and Note.objects.filter(slug="none")
        ):
            continue
        told.append(author.name)
    return told
"""


def test_a_comparison_is_no_query_to_put_before_a_loop(tmp_path, monkeypatch):
    before, after = followed(tmp_path, monkeypatch, "tested", TESTED, SIZE, rounds=1)
    assert len(before.findings) == 1
    assert after is None or (after.result, after.queries) == (before.result, 2)


ITERATED = """
from tests.corpus.models import Author, Country


def run():
    told = []
    for country in Country.objects.iterator():
        for author in Author.objects.order_by("pk").iterator():
            told.append((country.pk, author.name))
    return told
"""


def test_what_is_gone_through_once_is_kept_as_a_list(tmp_path, monkeypatch):
    before, after = followed(tmp_path, monkeypatch, "iterated", ITERATED, SIZE, rounds=1)
    assert after is not None
    assert (after.result, after.queries) == (before.result, 2)


RELATED = """
from tests.corpus.models import Author


def run():
    author = Author.objects.order_by("pk")[0]
    for number in range(3):
        author.blogs.create(name=f"new {number}")
    return sorted(blog.name for blog in author.blogs.all())
"""


def test_a_model_that_only_a_relation_names_is_imported(tmp_path, monkeypatch):
    before, after = followed(tmp_path, monkeypatch, "related", RELATED, SIZE, rounds=1)
    assert after is not None
    assert (after.result, after.queries) == (before.result, before.queries - 2)
