"""Loops that make the rows which are not there yet, as import scripts do."""

from __future__ import annotations

import pytest
from django.db.models.signals import post_save, pre_save

from tests.advice.following import followed
from tests.advice.test_followed import source
from tests.corpus.models import Note

pytestmark = pytest.mark.django_db

TWICE = 'list(Author.objects.order_by("pk")) * 2'

#: Loops that send two queries afterwards, one before and one behind; some keys come twice.
AT_ONCE = {
    "passed_over": """
slugs = [author.slug for author in Author.objects.order_by("pk")] + ["n0", "a0", "new"]
for slug in slugs:
    if Note.objects.filter(slug=slug).exists():
        told.append(f"{slug} is there")
        continue
    Note.objects.create(slug=slug, text="x")
""",
    "made_where_it_is_not": """
for author in TWICE:
    if not Note.objects.filter(slug=author.slug).exists():
        Note.objects.create(slug=author.slug, text=author.name)
""",
    "lines_of_a_file": """
for row in csv.DictReader(["slug,text", "n0,x", "a,x", "b,y", "a,z"]):
    if not Note.objects.filter(slug=row["slug"]).exists():
        note = Note.objects.create(slug=row["slug"], text=row["text"])
        told.append(note)
""",
    "saved": """
for author in TWICE:
    if not Note.objects.filter(slug=author.slug).exists():
        note = Note(slug=author.slug)
        note.text = "y"
        note.save()
""",
    "by_an_object_and_more": """
for author in TWICE:
    if not Blog.objects.filter(owner=author, name="Diary").exists():
        Blog.objects.create(owner=author, name="Diary")
""",
    "by_two_values": """
for author in TWICE:
    if not Blog.objects.filter(owner=author, name=author.name).exists():
        Blog.objects.create(owner=author, name=author.name)
""",
}

#: Loops that still make each row by itself, for they go on with it.
ONE_BY_ONE = {
    "made_and_used": """
for author in TWICE:
    if not Note.objects.filter(slug=author.slug).exists():
        note = Note.objects.create(slug=author.slug)
        told.append(note.pk is None)
""",
    "the_first_or_a_new_one": """
for author in TWICE:
    note = Note.objects.filter(slug=author.slug).first() or Note.objects.create(slug=author.slug)
    told.append(note.slug)
""",
    "a_new_one_where_there_is_none": """
for author in TWICE:
    note = Note.objects.filter(slug=author.slug).first()
    if note is None:
        note = Note.objects.create(slug=author.slug)
    told.append(note.slug)
""",
    "a_new_one_for_a_missing_one": """
for author in TWICE:
    try:
        note = Note.objects.get(slug=author.slug)
    except Note.DoesNotExist:
        note = Note.objects.create(slug=author.slug)
    told.append(note.slug)
""",
}

#: What is known before would not be what the loop asks for.
WORDS = {
    "made_otherwise_than_it_is_asked_for": """
for author in TWICE:
    if not Blog.objects.filter(owner=author, name="Diary").exists():
        Blog.objects.create(owner=author, name=author.name)
""",
    "made_on_the_line_that_asks": """
for author in TWICE:
    if not Note.objects.filter(slug=author.slug).exists(): Note.objects.create(slug=author.slug)
""",
    "made_on_another_condition": """
for author in TWICE:
    new = not Note.objects.filter(slug=author.slug).exists()
    made = Note.objects.create(slug=author.slug) if new and told else None
    told.append(made and made.slug)
""",
    "rows_that_grow": """
slugs = ["a", "b", *GET.getlist("none")]
for slug in slugs:
    if not Note.objects.filter(slug=slug).exists():
        Note.objects.create(slug=slug)
        if len(slugs) < 3:
            slugs.append("n0")
""",
    "found_ones_are_written": """
for author in TWICE:
    note = Note.objects.filter(slug=author.slug).first()
    if note is None:
        note = Note.objects.create(slug=author.slug)
    note.text += "x"
    note.save()
    told.append(note.text)
""",
    "rolled_back": """
for author in TWICE:
    try:
        with transaction.atomic():
            if not Note.objects.filter(slug=author.slug).exists():
                Note.objects.create(slug=author.slug)
            int(author.name)
    except ValueError:
        continue
""",
    "written_by_another_statement": """
for author in TWICE:
    if Note.objects.filter(slug=author.slug, done=False).exists():
        Note.objects.filter(slug=author.slug).update(done=True)
    else:
        Note.objects.create(slug=author.slug + str(Note.objects.count()), done=False)
""",
    "an_inner_loop": """
for author in Author.objects.prefetch_related("entries").order_by("pk"):
    for entry in author.entries.all():
        if not Note.objects.filter(slug=entry.slug).exists():
            Note.objects.create(slug=entry.slug)
""",
    "a_helper": """
def ensure(slug):
    if not Note.objects.filter(slug=slug).exists():
        Note.objects.create(slug=slug)


def work():
    for author in TWICE:
        ensure(author.slug)
""",
}


def run(folder, monkeypatch, name, text, rounds=4):
    return followed(folder, monkeypatch, name, source(text.replace("TWICE", TWICE)), rounds=rounds)


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_is_missing_is_made_at_once(name, tmp_path, monkeypatch) -> None:
    before, after = run(tmp_path, monkeypatch, f"once_{name}", AT_ONCE[name])
    (found,) = before.findings
    assert after is not None, found.advice.text
    assert (after.result, after.stored) == (before.result, before.stored)
    assert before.queries - after.queries == found.advice.saves
    assert not after.findings


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_what_is_there_is_read_once(name, tmp_path, monkeypatch) -> None:
    before, after = run(tmp_path, monkeypatch, f"one_{name}", ONE_BY_ONE[name])
    (found,) = before.findings
    assert after is not None, found.advice.text
    assert (after.result, after.stored) == (before.result, before.stored)
    assert before.queries - after.queries == found.advice.saves
    assert [one.rule for one in after.findings] == ["write-in-loop"]


@pytest.mark.parametrize("name", WORDS)
def test_words_where_more_would_change(name, tmp_path, monkeypatch) -> None:
    before, after = run(tmp_path, monkeypatch, f"words_{name}", WORDS[name])
    assert before.findings
    assert after is None, before.findings[0].advice.text


def told(folder, monkeypatch, name, text):
    before, _ = run(folder, monkeypatch, name, text, rounds=0)
    return before.findings[0].advice.text


def test_the_sentence_says_what_is_known_and_what_is_added(tmp_path, monkeypatch) -> None:
    text = told(tmp_path, monkeypatch, "said_known", AT_ONCE["passed_over"])
    line = 2 + source(AT_ONCE["passed_over"]).split("\n").index("def work():") + 1
    assert text == (
        "put known_slugs = set(Note.objects.filter(slug__in=slugs)"
        f'.values_list("slug", flat=True)) before the loop at said_known_0.py:{line}, '
        "read slug in known_slugs, and write known_slugs.add(slug) where a row is made; "
        'notes.append(Note(slug=slug, text="x")) in the loop, and behind the loop at '
        f"said_known_0.py:{line}: Note.objects.bulk_create(notes)"
    )


def test_words_say_what_is_known_and_what_is_added(tmp_path, monkeypatch) -> None:
    assert told(tmp_path, monkeypatch, "said_helper", WORDS["a_helper"]) == (
        'put known = set(Note.objects.filter(slug__in=…).values_list("slug", flat=True)) before '
        "the loop, and read slug in known, and add to that what the loop makes"
    )


def test_words_for_rows_that_are_looked_up_by_a_key(tmp_path, monkeypatch) -> None:
    assert told(tmp_path, monkeypatch, "said_first", WORDS["found_ones_are_written"]) == (
        "fetch all Note rows of the loop in one query before it, and look them up, and keep that "
        "up to date with what the loop writes"
    )


#: A helper that makes rows, and may change them for later turns.
CHANGED = """
def ensure(slug):
    if not Note.objects.filter(slug=slug).exists():
        note = Note.objects.create(slug=slug)
        {then}


def work():
    for author in TWICE:
        ensure(author.slug)
"""


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ('Note.objects.filter(pk=note.pk).update(text="x")', "keep that up to date with what"),
        ("told.append(note.text)", "add to that what"),
    ],
)
def test_words_tell_rows_that_are_changed_from_those_that_are_made(
    then, said, tmp_path, monkeypatch
) -> None:
    text = told(tmp_path, monkeypatch, f"said_{said[:3]}", CHANGED.format(then=then))
    assert f", and {said} the loop " in text


def test_what_bulk_create_passes_by_is_told(tmp_path, monkeypatch) -> None:
    def receive(**given):
        """Looks at a note that is saved."""

    post_save.connect(receive, sender=Note)
    try:
        text = told(tmp_path, monkeypatch, "skipping", AT_ONCE["made_where_it_is_not"])
    finally:
        post_save.disconnect(receive, sender=Note)
    assert text.endswith("(skips post_save of Note (1 receiver))")


def test_a_receiver_that_may_give_a_row_other_values_leaves_words(tmp_path, monkeypatch) -> None:
    def receive(**given):
        """May change the slug."""

    pre_save.connect(receive, sender=Note)
    try:
        _, after = run(tmp_path, monkeypatch, "changed", AT_ONCE["made_where_it_is_not"])
    finally:
        pre_save.disconnect(receive, sender=Note)
    assert after is None


def test_a_key_that_is_asked_for_twice_in_one_query_is_said_once(tmp_path, monkeypatch) -> None:
    text = told(
        tmp_path,
        monkeypatch,
        "said_once",
        "for author in TWICE:\n"
        "    note, _ = Note.objects.get_or_create(slug=author.slug)\n    told.append(note.slug)",
    )
    assert text.count("bulk_create(") == 1
