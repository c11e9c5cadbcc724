"""What is advised, exactly: where, what, what to read then, what it saves and what it loses.

That the edits do what they say is shown by `test_applied`.
"""

from __future__ import annotations

import ast
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import django
import pytest
from django.db.models import Count, F, Prefetch
from django.db.models.signals import post_save

from nplusone_guard.analysis import advice
from nplusone_guard.capture import faults
from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Country, Entry, Note, Option, Profile, Remark, Tag

pytestmark = pytest.mark.django_db

SIZE = 5


def advised(function):
    """The advice on the only loop of a function, with the rows of size 5."""
    populate(SIZE)
    with watch("advice") as recording:
        function()
    report = recording.report
    assert report.internal_errors == ()
    (finding,) = report.findings
    return finding.advice


@contextmanager
def saves_received(*models):
    """Somebody wants to know of each row that is saved."""

    def receiver(sender, instance, **kwargs):
        pass

    with ExitStack() as stack:
        for model in models:
            post_save.connect(receiver, sender=model)
            stack.callback(post_save.disconnect, receiver, sender=model)
        yield


def line_of(text):
    """The line of this file that reads ``text``."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


# --- the chain ----------------------------------------------------------------------------


def two_hops():
    for entry in Entry.objects.filter(rating__gte=0):
        entry.author.country.name


def test_a_chain_is_one_lookup_on_the_queryset_that_it_starts_from():
    found = advised(two_hops)
    option = found.options[0]
    line = line_of("for entry in Entry.objects.filter(rating__gte=0):")
    assert (option.kind, option.line) == ("select_related", line)
    assert option.file == __file__
    assert option.expression == '.select_related("author__country")'
    assert (option.saves, option.of) == (2 * SIZE, 2 * SIZE)
    assert found.text == (
        f'add .select_related("author__country") to the queryset at test_options.py:{line}'
    )
    (step,) = option.steps
    assert (step.action, step.line, step.new) == ("append", line, option.expression)
    assert ast.unparse(ast.parse(step.old)) == "Entry.objects.filter(rating__gte=0)"


def biography(author):
    return author.profile.bio


def in_a_helper():
    for entry in Entry.objects.select_related("author").order_by("pk"):
        biography(entry.author)


def test_a_helper_leads_to_the_queryset_of_its_caller():
    (option, *_) = advised(in_a_helper).options
    assert option.expression == '.select_related("author__profile")'
    assert option.line == line_of(
        'for entry in Entry.objects.select_related("author").order_by("pk"):'
    )


def of_prefetched_rows():
    for author in Author.objects.prefetch_related(Prefetch("entries", to_attr="written")):
        for entry in author.written:
            list(entry.tags.all())


def test_prefetched_parents_lead_to_the_root():
    (option, *_) = advised(of_prefetched_rows).options
    assert option.expression == '.prefetch_related("written__tags")'
    assert option.read == "entry.tags.all()"
    assert (option.saves, option.of) == (SIZE - 1, SIZE)


def of_an_iterator():
    for author in Author.objects.iterator():
        list(author.entries.all())


def test_a_prefetch_of_an_iterator_has_a_chunk_size():
    (option, *_) = advised(of_an_iterator).options
    assert option.expression == '.prefetch_related("entries")'
    (step,) = option.steps
    assert step.new == 'Author.objects.prefetch_related("entries").iterator(chunk_size=2000)'


def three_queries_a_turn():
    for author in Author.objects.order_by("pk"):
        author.country.name
        list(author.entries.all())
        list(author.books.all())


def test_all_statements_of_a_loop_are_seen_to_at_once():
    (option, *_) = advised(three_queries_a_turn).options
    assert option.expression == '.select_related("country").prefetch_related("entries", "books")'
    assert (option.saves, option.of) == (3 * SIZE - 2, 3 * SIZE)


def generic_targets():
    for remark in Remark.objects.filter(topic="entries"):
        remark.target.author.name


@pytest.mark.skipif(django.VERSION < (5, 0), reason="GenericPrefetch is new in Django 5.0")
def test_what_a_generic_target_reads_is_a_generic_prefetch():
    populate(SIZE)
    with watch("advice") as recording:
        generic_targets()
    expressions = {
        option.expression for one in recording.report.findings for option in one.advice.options
    }
    wanted = 'GenericPrefetch("target", [Entry.objects.select_related("author")])'
    assert any(wanted in one for one in expressions), expressions


def plain_relation():
    for entry in Entry.objects.order_by("pk"):
        entry.author.name


def collection():
    for author in Author.objects.order_by("pk"):
        list(author.entries.all())


def test_peers_are_an_option_where_they_help():
    kinds = [option.kind for option in advised(plain_relation).options]
    peers = ["fetch_mode"] if django.VERSION >= (6, 1) else []
    assert kinds == ["select_related", *peers]


def test_peers_are_no_option_for_a_collection():
    assert [option.kind for option in advised(collection).options] == ["prefetch_related"]


# --- queries ------------------------------------------------------------------------------


def filtered():
    for author in Author.objects.order_by("pk"):
        list(author.entries.filter(status="live").order_by("-created"))


def test_filters_and_orders_land_in_the_prefetch_as_they_are_written():
    (option, *_) = advised(filtered).options
    assert option.expression == (
        '.prefetch_related(Prefetch("entries", queryset=Entry.objects.filter(status="live")'
        '.order_by("-created"), to_attr="live_entries"))'
    )
    assert option.read == "author.live_entries"
    assert option.imports == ("from django.db.models import Prefetch",)


def counted():
    for author in Author.objects.order_by("pk"):
        author.entries.filter(rating__gt=1).count()


def test_a_count_is_an_annotation_with_its_filter_under_a_free_name():
    (option, *_) = advised(counted).options
    assert option.kind == "annotate"
    # ``Author.entry_count`` and the like are taken by properties of the model.
    assert option.expression == (
        '.annotate(entries_count=Count("entries", filter=Q(entries__rating__gt=1)))'
    )
    assert option.read == "author.entries_count"
    assert (option.saves, option.of) == (SIZE, SIZE)


def first_of_each():
    for author in Author.objects.order_by("pk"):
        author.entries.order_by("-created").first()


def test_the_first_of_each_is_a_slice_in_the_prefetch():
    (option, *_) = advised(first_of_each).options
    assert 'queryset=Entry.objects.order_by("-created")[:1]' in option.expression
    assert option.read == "next(iter(author.first_entries), None)"


def depending_on_the_row():
    for author in Author.objects.order_by("pk"):
        author.entries.filter(rating__lt=author.rating).exists()


def test_what_depends_on_the_row_is_picked_in_python():
    (option, *_) = advised(depending_on_the_row).options
    assert option.expression == '.prefetch_related("entries")'
    assert option.read == (
        "any(True for entry in author.entries.all() if entry.rating < author.rating)"
    )


def by_key():
    for entry in Entry.objects.order_by("pk"):
        Author.objects.get(pk=entry.author_id)


def test_a_key_of_the_row_is_its_relation_or_a_look_up():
    kinds = [option.kind for option in advised(by_key).options]
    assert kinds == ["select_related", "in_bulk"]


def by_unique_field():
    for number in range(SIZE):
        Author.objects.get(slug=f"a{number}")


def test_a_unique_field_is_looked_up_in_bulk():
    found = advised(by_unique_field)
    (option,) = found.options
    assert option.read == 'authors_by_slug[f"a{number}"]'
    assert found.text.startswith("put authors_by_slug = Author.objects.in_bulk([")
    assert [step.action for step in option.steps] == ["insert-before", "replace"]


def reverse_one_to_one():
    for author in Author.objects.order_by("pk"):
        Profile.objects.get(author=author)


def test_a_look_up_by_the_parent_is_the_accessor_by_its_real_name():
    (option, *_) = advised(reverse_one_to_one).options
    assert (option.expression, option.read) == ('.select_related("profile")', "author.profile")


def by_prefix():
    for author in Author.objects.order_by("pk"):
        list(author.entries.filter(headline__startswith="head"))


def test_python_does_not_stand_in_for_like_where_that_ignores_case():
    """On SQLite "head" finds "Headline 0"; ``str.startswith()`` would not."""
    assert [option.kind for option in advised(by_prefix).options] == ["prefetch"]


def by_text_for_a_number():
    for author in Author.objects.order_by("pk"):
        author.entries.filter(rating="1").count()


def test_python_does_not_stand_in_for_a_database_that_reads_numbers_off_text():
    options = advised(by_text_for_a_number).options
    assert [option.kind for option in options] == ["annotate"]


def beside_an_aggregate():
    for author in Author.objects.annotate(blog_count=Count("blogs")):
        author.entries.count()


def test_a_count_beside_an_aggregate_joins_nothing():
    (option, *_) = advised(beside_an_aggregate).options
    assert option.expression == (
        ".annotate(entries_count=Coalesce(Subquery(Entry.objects.filter("
        'author=OuterRef("pk")).order_by().values("author").annotate(total=Count("pk"))'
        '.values("total")), 0))'
    )


def missing_rows():
    found = []
    for author in Author.objects.order_by("pk"):
        try:
            found.append(author.entries.get(status="gone"))
        except (Entry.DoesNotExist, ValueError):
            found.append(None)


def missing_rows_suppressed():
    for author in Author.objects.order_by("pk"):
        with suppress(Entry.DoesNotExist):
            author.entries.get(status="gone")


@pytest.mark.parametrize(
    ("function", "new"),
    [
        (missing_rows, "(Entry.DoesNotExist, ValueError, IndexError)"),
        (missing_rows_suppressed, "suppress(Entry.DoesNotExist, IndexError)"),
    ],
)
def test_handlers_of_missing_rows_take_what_is_raised_instead(function, new):
    (option, *_) = advised(function).options
    (handler,) = [step for step in option.steps if "DoesNotExist" in step.old]
    assert handler.new == new


def validated_for_update():
    for option in Option.objects.order_by("pk"):
        option.full_clean()


def test_validation_that_cannot_be_done_at_once_says_what_changes():
    found = advised(validated_for_update)
    assert found.text.startswith(
        "full_clean() asks by itself whether each value is taken: ask once for all rows before "
        "the loop; or option.full_clean(validate_unique=False, validate_constraints=False), which "
        "changes the result"
    )
    assert found.options[0].steps == ()


# --- bypassed -----------------------------------------------------------------------------


def bypassed():
    for author in Author.objects.prefetch_related("entries"):
        list(author.entries.filter(status="draft"))


def test_a_bypassed_prefetch_is_told_with_both_lines():
    found = advised(bypassed)
    at = line_of('list(author.entries.filter(status="draft"))')
    assert found.text.startswith(
        f'"entries" is prefetched at test_options.py:{at - 1}, but .filter(status="draft") '
        f"at :{at} asks the database again: write .prefetch_related(Prefetch("
    )
    assert [option.kind for option in found.options] == ["prefetch", "prefetched"]


def bypassed_and_used_whole():
    for author in Author.objects.prefetch_related("entries"):
        len(author.entries.all())
        list(author.entries.filter(status="draft"))


def test_rows_that_are_used_whole_are_filtered_in_python():
    (option,) = advised(bypassed_and_used_whole).options
    assert option.read == ('[entry for entry in author.entries.all() if entry.status == "draft"]')
    assert (option.saves, option.of) == (SIZE, SIZE)


def bypassed_to_attr():
    loaded = Prefetch("entries", Entry.objects.all(), to_attr="loaded")
    for author in Author.objects.prefetch_related(loaded):
        list(author.entries.all())


def test_rows_prefetched_to_an_attribute_are_read_there():
    (option, *_) = advised(bypassed_to_attr).options
    assert option.read == "author.loaded"


# --- writes -------------------------------------------------------------------------------


def saved():
    for note in Note.objects.order_by("pk"):
        note.text = note.slug.upper()
        note.save()


def test_a_save_names_the_fields_that_the_loop_assigns():
    found = advised(saved)
    (option,) = found.options
    assert option.expression == 'Note.objects.bulk_update(changed_notes, ["text"])'
    assert option.read == "changed_notes.append(note)"
    assert option.loses == ""


def test_what_is_lost_is_said_where_the_model_has_it():
    with saves_received(Note):
        found = advised(saved)
    assert found.options[0].loses == "post_save of Note (1 receiver)"
    assert found.text.endswith(" (skips post_save of Note (1 receiver))")


def counted_and_made():
    made = []
    for author in Author.objects.order_by("slug"):
        total = Entry.objects.filter(author=author).count()
        if total:
            made.append(Note.objects.create(slug=f"of-{author.slug}", text=str(total)))
    return made


def counted_before_and_made_behind():
    made = [
        Note(slug=f"of-{author.slug}", text=str(author.entries_count))
        for author in Author.objects.annotate(entries_count=Count("entries"))
        if author.entries_count
    ]
    return Note.objects.bulk_create(made)


def test_what_else_the_loop_writes_is_told_with_what_it_loses():
    with saves_received(Note):
        found = advised(counted_and_made)
    line = line_of('for author in Author.objects.order_by("slug"):')
    assert found.text == (
        'add .annotate(entries_count=Count("entries")) to the queryset at '
        f"test_options.py:{line}, and read author.entries_count; "
        'made.append(Note(slug=f"of-{author.slug}", text=str(total))) in the loop, and behind the '
        f"loop at test_options.py:{line}: Note.objects.bulk_create(made) "
        "(skips post_save of Note (1 receiver))"
    )
    assert {option.loses for option in found.options} == {"post_save of Note (1 receiver)"}
    assert {step.new for step in found.options[0].steps} >= {"Note.objects.bulk_create(made)"}


def test_rows_that_are_the_keys_themselves_are_listed():
    option = next(one for one in advised(counted_and_made).options if one.kind == "in_bulk")
    assert option.expression == (
        'authors = Author.objects.order_by("slug")\n'
        "entry_counts = dict(Entry.objects.filter(author__in=list(authors)).order_by()"
        '.values_list("author").annotate(Count("pk")))'
    )


def test_rows_made_of_what_their_parents_bring_are_no_loop():
    populate(SIZE)
    with watch("made behind") as recording:
        made = counted_before_and_made_behind()
    assert made
    assert not recording.report.findings


def made_and_saved():
    for tag in Tag.objects.order_by("name"):
        Note.objects.create(slug=f"of-{tag.pk}")
        tag.name = tag.name.upper()
        tag.save()


def test_of_two_writes_both_are_told_with_all_that_they_lose():
    with saves_received(Note, Tag):
        found = advised(made_and_saved)
    line = line_of('for tag in Tag.objects.order_by("name"):')
    assert found.text == (
        'notes.append(Note(slug=f"of-{tag.pk}")) in the loop, and behind the loop at '
        f"test_options.py:{line}: Note.objects.bulk_create(notes); "
        "changed_tags.append(tag) in the loop, and behind the loop at "
        f'test_options.py:{line}: Tag.objects.bulk_update(changed_tags, ["name"]) '
        "(skips post_save of Note (1 receiver), post_save of Tag (1 receiver))"
    )


def made_in_one_another():
    for number in range(SIZE):
        Author.objects.create(slug=f"n{number}", country=Country.objects.create(code=f"n{number}"))


def made_one_after_the_other():
    for number in range(SIZE):
        country = Country.objects.create(code=f"n{number}")
        Author.objects.create(slug=f"n{number}", country=country)


@pytest.mark.parametrize("function", [made_in_one_another, made_one_after_the_other])
def test_rows_that_are_made_inside_a_call_are_no_rows_of_that_call(function):
    """On 3.10, too, where only the line tells which call sent what."""
    found = advised(function)
    assert (found.saves, found.of) == (SIZE - 1, 2 * SIZE)
    assert "Author.objects.bulk_create(authors)" in found.text
    assert "Country.objects.bulk_create" not in found.text


def known_or_new():
    for number in range(SIZE):
        Note.objects.update_or_create(slug=f"n{number}", defaults={"text": str(number)})


def test_an_upsert_names_the_constraint_that_allows_it():
    (option, *_) = advised(known_or_new).options
    assert "update_conflicts=True" in option.expression
    assert 'update_fields=["text"]' in option.expression


def without_a_constraint():
    for number in range(SIZE):
        Tag.objects.get_or_create(name=f"New {number}")


def test_without_a_constraint_what_is_missing_is_created():
    (option, *_) = advised(without_a_constraint).options
    assert "ignore_conflicts" not in option.expression
    assert "not in known_names" in option.expression


def increments():
    for number in range(SIZE):
        Entry.objects.filter(slug=f"e{number}").update(rating=F("rating") + 1)


def test_equal_updates_are_one():
    (option, *_) = advised(increments).options
    assert option.expression == (
        'Entry.objects.filter(slug__in=slugs).update(rating=F("rating") + 1)'
    )


# --- containment --------------------------------------------------------------------------


def test_a_fault_in_an_advice_leaves_the_finding(monkeypatch):
    def broken(*args):
        raise RuntimeError("a fault of the guard")

    faults.forget_logged()
    monkeypatch.setattr(advice, "_merged", broken)
    populate(SIZE)
    with watch("advice") as recording:
        plain_relation()
    report = recording.report
    faults.forget_logged()
    (finding,) = report.findings
    assert finding.advice.text.startswith('add .select_related("author") to the queryset')
    assert finding.advice.options == ()
    assert "advice" in report.internal_errors[0]
