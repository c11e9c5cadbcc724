"""What stands between a loop and its query in code of many layers: nothing is made up there."""

from __future__ import annotations

import sys

import pytest

from tests.advice.following import followed, load, shown

pytestmark = pytest.mark.django_db

SIZE = 4
MODULE = """
from tests.corpus.models import Author, Blog, Country, Entry, Note, Place, Profile, Restaurant, Tag

{body}
"""


def advice_on(folder, monkeypatch, name, body):
    source = MODULE.format(body=body)
    run = shown(load(folder, name, source, monkeypatch), SIZE)
    assert len(run.findings) == 1, run.findings
    return run.findings[0].advice


# --- where rows come from -------------------------------------------------------------


HANDED = """
from itertools import starmap


class Digest:
    def users(self, event, **options):
        return Author.objects.filter(slug__startswith=event)


def send(digest, event, **options):
    return [author.country.name for author in {one for one in digest.users(event, **options)}]


def run():
    return sorted(next(starmap(send, [(Digest(), "a")])))  # what is given shows nowhere
"""


def test_arguments_of_an_unknown_call_are_no_querysets(tmp_path, monkeypatch):
    """``users(event, **options)``: neither of them takes a ``select_related()``."""
    advice = advice_on(tmp_path, monkeypatch, "handed", HANDED)
    assert '.select_related("country")' in advice.text
    edited = {step.old for option in advice.options for step in option.steps}
    assert not edited & {"event", "options", "digest"}


MANAGED = """
def reorder(model, wanted):
    for one in model.objects.order_by("pk"):
        told.append(one.country.name)


told = []


def run():
    told.clear()
    reorder({"author": Author}["author"], "a")
    return list(told)
"""


def test_the_manager_of_an_unknown_model_takes_the_look_up(tmp_path, monkeypatch):
    before, after = followed(tmp_path, monkeypatch, "managed", MODULE.format(body=MANAGED), SIZE)
    assert (before.queries, len(before.findings)) == (SIZE + 1, 1)
    assert after is not None
    assert (after.queries, after.result, after.findings) == (1, before.result, ())


MIXED = """
def shown(model, relation):
    return [len(getattr(row, relation).all()) for row in model.objects.order_by("pk")]


def run():
    return [shown(model, relation) for model, relation in work()]


def work():
    yield Author, "entries"
    yield Entry, "tags"
"""


def test_a_queryset_of_many_models_in_turn_takes_no_look_up_of_one(tmp_path, monkeypatch):
    run = shown(load(tmp_path, "mixed", MODULE.format(body=MIXED), monkeypatch), SIZE)
    assert {statement.relation for one in run.findings for statement in one.statements} == {
        "corpus.Author.entries",
        "corpus.Entry.tags",
    }
    assert [step for one in run.findings for o in one.advice.options for step in o.steps] == []


# --- whose rows are read --------------------------------------------------------------


def looped(header, call, *helper):
    return "\n".join(
        [*helper, "", "def run():", "    told = []", header, f"        {call}", "    return told"]
    )


BY_AUTHOR = """
def entries_of(**conditions):
    return list(Entry.objects.filter(**conditions))

"""


def test_rows_are_read_by_the_key_of_the_rows_that_the_loop_runs_over(tmp_path, monkeypatch):
    """A condition that is the same in every turn leads to other rows: ``author.entries``."""
    body = looped(
        "    author = Author.objects.first()\n    for blog in Blog.objects.order_by('pk'):",
        "told.append(len(entries_of(author=author, blog=blog)))",
        BY_AUTHOR,
    )
    text = advice_on(tmp_path, monkeypatch, "by_blog", body).text
    assert 'Prefetch("entry_set"' in text
    assert "read blog.entry_set.all()" in text
    assert "entries" not in text


def test_values_have_no_relation_to_prefetch(tmp_path, monkeypatch):
    body = looped(
        '    for pk, _ in Author.objects.order_by("pk").values_list("pk", "name"):',
        "told.append(len(entries_of(author=pk)))",
        BY_AUTHOR,
    )
    text = advice_on(tmp_path, monkeypatch, "by_value", body).text
    assert "prefetch_related" not in text
    assert "fetch all Entry rows of the loop in one query before it" in text


def test_objects_of_the_same_loop_have(tmp_path, monkeypatch):
    body = looped(
        '    for author in Author.objects.order_by("pk"):',
        "told.append(len(entries_of(author=author)))",
        BY_AUTHOR,
    )
    text = advice_on(tmp_path, monkeypatch, "by_object", body).text
    assert 'add .prefetch_related("entries") to the queryset at by_object.py' in text


def test_one_row_at_most_is_joined_and_has_no_all(tmp_path, monkeypatch):
    helper = (
        "def profiles_of(**conditions):\n    return list(Profile.objects.filter(**conditions))\n"
    )
    body = looped(
        '    for author in Author.objects.order_by("pk"):',
        "told.append(len(profiles_of(author=author)))",
        helper,
    )
    text = advice_on(tmp_path, monkeypatch, "one_row", body).text
    assert 'add .select_related("profile") to the queryset at one_row.py' in text
    assert text.endswith("read author.profile")


NAMED = """
def shown(author, getters):
    return [getter(author) for getter in getters]


def titles(one):
    return len(getattr(one, "entries").all())


def run():
    return [shown(author, [titles, str][:1]) for author in Author.objects.order_by("pk")]
"""


def test_a_loop_variable_that_is_no_parent_reads_nothing(tmp_path, monkeypatch):
    advice = advice_on(tmp_path, monkeypatch, "named", NAMED)
    assert '.prefetch_related("entries")' in advice.text
    assert "getter.entries" not in advice.text
    assert "getter.entries" not in [option.read for option in advice.options]


# --- what a fix saves -----------------------------------------------------------------


SINGLY = """
def load(pk):
    return Entry.objects.get(pk=pk)


def run():
    pks = [entry.pk for entry in Entry.objects.order_by("pk")]
    return [[tag.name for tag in load(pk).tags.all()] for pk in pks]
"""


def test_a_prefetch_for_one_row_at_a_time_is_not_advised(tmp_path, monkeypatch):
    run = shown(load(tmp_path, "singly", MODULE.format(body=SINGLY), monkeypatch), SIZE)
    told = [(option.kind, option.saves) for one in run.findings for option in one.advice.options]
    assert all(saves > 0 for _, saves in told), told


# --- what is the same every time ------------------------------------------------------


CONTEXT = """
def page(context):
    return Country.objects.count(), context["author"]


def run():
    context, told = {}, []
    for author in Author.objects.order_by("pk"):
        CHANGE
        shown = page(context)
        told.append(shown)
    return told
"""


@pytest.mark.parametrize(
    "change", ['context["author"] = author.name', "context.update(author=author.name)"]
)
def test_a_call_with_what_the_loop_changes_stays_in_it(tmp_path, monkeypatch, change):
    source = MODULE.format(body=CONTEXT.replace("CHANGE", change))
    before, after = followed(tmp_path, monkeypatch, f"context_{len(change)}", source, SIZE)
    assert before.queries == SIZE + 1
    assert after is None or after.result == before.result


def test_a_call_with_what_no_turn_changes_goes_before_it(tmp_path, monkeypatch):
    source = MODULE.format(body=CONTEXT.replace("{}, []", '{"author": "one"}, []'))
    source = source.replace("        CHANGE\n", "")
    before, after = followed(tmp_path, monkeypatch, "context_kept", source, SIZE)
    if sys.version_info < (3, 11):  # no columns: which call of the line it is, nobody knows
        assert after is None
        return
    assert after is not None
    assert (before.queries, after.queries, after.result) == (SIZE + 1, 2, before.result)


OTHER_MANAGER = """
def stays_of(place):
    return [stay.pk for stay in place.stays(manager="objects").all()]


def run():
    return [stays_of(place) for place in Place.objects.order_by("pk")]
"""


def test_a_prefetch_does_not_answer_for_another_manager(tmp_path, monkeypatch):
    advice = advice_on(tmp_path, monkeypatch, "other_manager", OTHER_MANAGER)
    assert '.prefetch_related(Prefetch("stays", queryset=…, to_attr=…))' in advice.text
    assert [step for option in advice.options for step in option.steps] == []


KEYS = """
def run():
    pks, told = [entry.pk for entry in Entry.objects.order_by("pk")], []
    for pk in pks:
        entry = Entry.objects.filter(pk=pk).last()
        told.append([tag.name for tag in entry.tags.all()])
    return told
"""


def test_neither_keys_nor_the_row_of_a_turn_are_rows_to_prefetch_for(tmp_path, monkeypatch):
    advice = advice_on(tmp_path, monkeypatch, "keys", KEYS)
    assert [option.expression for option in advice.options] == []


OBJECTS = """
def run():
    pks = Entry.objects.order_by("pk").values_list("pk", flat=True)
    rows, told = [Entry.objects.get(pk=pk) for pk in pks], []
    for row in rows:
        told.append([tag.name for tag in row.tags.all()])
    return told
"""


def test_objects_that_came_one_by_one_are(tmp_path, monkeypatch):
    run = shown(load(tmp_path, "rows", MODULE.format(body=OBJECTS), monkeypatch), SIZE)
    told = [option.expression for one in run.findings for option in one.advice.options]
    assert 'prefetch_related_objects(rows, "tags")' in told


# --- what is saved one by one ---------------------------------------------------------


SAVED = """
from copy import copy


def run():
    told = []
    for i, note in enumerate(Note.objects.order_by("pk")):
        MADE
        made.slug = f"new-{i}"
        made.save()
        BEHIND
    return told
"""
NEW = "made = Note(text=note.text)"
COPIED = """made = copy(note)
        made.pk = None
        if i % 2:
            made = Note(text=note.text)"""


@pytest.mark.parametrize(
    ("made", "behind", "collected"),
    [
        (NEW, "pass", True),
        (COPIED, "pass", False),
        (NEW, "told.append(made.get_deferred_fields())", False),
    ],
    ids=["new", "or_a_copy", "needed_behind"],
)
def test_rows_are_made_at_once_where_all_are_new_and_none_is_needed(
    tmp_path, monkeypatch, request, made, behind, collected
):
    source = MODULE.format(body="SAVED").replace("SAVED", SAVED)
    source = source.replace("MADE", made).replace("BEHIND", behind)
    run = shown(load(tmp_path, f"saved_{request.node.callspec.id}", source, monkeypatch), SIZE)
    kinds = [option.kind for one in run.findings for option in one.advice.options]
    assert ("bulk_create" in kinds) is collected


DEEP = """
def run():
    told = []
    for i, owner in enumerate(Author.objects.order_by("pk")):
        made = Restaurant(name=str(i), owner_id=owner.pk, cook_id=owner.pk, serves="tea")
        made.save()
    return told
"""


def test_rows_of_two_tables_are_saved_one_by_one(tmp_path, monkeypatch):
    run = shown(load(tmp_path, "deep", MODULE.format(body=DEEP), monkeypatch), SIZE)
    assert run.findings
    kinds = [option.kind for one in run.findings for option in one.advice.options]
    assert "bulk_create" not in kinds


# --- what a helper is handed ----------------------------------------------------------


HELPER = """
def tags_of(NAME):
    LOADED
    return [tag.name for tag in entry.tags.all()]


def run():
    told = []
    rows = ROWS
    for row in rows:
        told.append(tags_of(HANDED))
    return told
"""


def prefetched_by_hand(folder, monkeypatch, name, **parts):
    body = HELPER
    for part, code in parts.items():
        body = body.replace(part, code)
    run = shown(load(folder, name, MODULE.format(body=body), monkeypatch), SIZE)
    assert run.findings
    told = [option.expression for one in run.findings for option in one.advice.options]
    return [one for one in told if "prefetch_related_objects" in one]


def test_rows_of_another_model_are_not_prefetched_for(tmp_path, monkeypatch):
    """A task that is handed a key has rows of its own, which the loop does not run over."""
    parts = {"NAME": "key", "LOADED": "entry = Entry(pk=key)", "HANDED": "row.pk"}
    rows = {"ROWS": 'list(Blog.objects.order_by("pk"))'}
    assert prefetched_by_hand(tmp_path, monkeypatch, "given_keys", **parts, **rows) == []


def test_rows_that_a_helper_is_handed_are(tmp_path, monkeypatch):
    parts = {"NAME": "entry", "LOADED": "", "HANDED": "row"}
    keys = "list(Entry.objects.values_list('pk', flat=True))"
    rows = {"ROWS": f"[Entry.objects.get(pk=pk) for pk in {keys}]"}
    told = prefetched_by_hand(tmp_path, monkeypatch, "given_rows", **parts, **rows)
    assert told == ['prefetch_related_objects(rows, "tags")']


COUNTED = """
def run():
    BEFORE
    authors, told = [Author(pk=pk) for pk in range(1, 5)], []
    for author in authors:
        told.append(author.entries.count())
    return told
"""


@pytest.mark.parametrize(
    ("before", "loaded"),
    [
        ("total = Author.objects.count()", False),
        ("known = Author.objects.exists()", False),
        ("known = list(Author.objects.all())", True),
    ],
)
def test_only_a_read_that_loads_rows_can_have_loaded_the_parents(
    before, loaded, tmp_path, monkeypatch
):
    source = MODULE.format(body=COUNTED.replace("BEFORE", before))
    (finding,) = shown(load(tmp_path, f"counted{loaded}", source, monkeypatch), SIZE).findings
    assert (finding.origin is not None) is loaded
