"""Look-ups by keys that come as text, or as something else than the field holds."""

import csv
import json
import uuid

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.test import RequestFactory

from tests.corpus.data import FIRST_KEY
from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Category, Chapter, Entry, Membership, Note


def numbers(n):
    return [FIRST_KEY + i for i in range(n)]


def requested(n):
    """``/?ids=1,2,x&id=1&id=2``, as a browser asks."""
    keys = [str(key) for key in numbers(n)]
    return RequestFactory().get("/", {"ids": ",".join([*keys, "7", "x"]), "id": keys})


def uuids(n):
    return [uuid.uuid5(uuid.NAMESPACE_OID, f"tree-{i}") for i in range(1, n + 1)]


def lines(n):
    """Lines of a file: the key of an entry, the number of a chapter."""
    return [f"{key},{1 + key % 2}" for key in numbers(n)]


# --- numbers as text ----------------------------------------------------------------------


@loop("query-in-loop", origin=False)
def get_per_key_of_a_request(n):
    request, names = requested(n), []
    for pk in request.GET.getlist("id"):  # loop
        names.append(Author.objects.get(pk=pk).name)  # site
    return names


@healthy(twin=get_per_key_of_a_request)
def keys_of_a_request_at_once(n):
    authors = Author.objects.in_bulk(requested(n).GET.getlist("id"))
    return [authors[int(pk)].name for pk in requested(n).GET.getlist("id")]


@loop("query-in-loop", origin=False)
def object_or_404_per_key_of_a_request(n):
    request, names = requested(n), []
    for pk in request.GET.getlist("id"):  # loop
        names.append(get_object_or_404(Author, pk=pk).name)  # site
    return names


@healthy(twin=object_or_404_per_key_of_a_request)
def objects_of_a_request_at_once(n):
    wanted = {int(pk) for pk in requested(n).GET.getlist("id")}
    return sorted(author.name for author in Author.objects.filter(pk__in=wanted))


@loop("query-in-loop", origin=False, turns=lambda n: n + 1)
def get_of_keys_that_are_checked_by_asking(n):
    names = []
    for pk in requested(n).GET["ids"].split(","):  # loop
        try:
            names.append(Author.objects.get(pk=pk).name)  # site
        except (Author.DoesNotExist, ValueError):
            names.append("nobody")
    return names


@healthy(twin=get_of_keys_that_are_checked_by_asking)
def keys_that_are_checked_before(n):
    wanted = [pk for pk in requested(n).GET["ids"].split(",") if pk.isdecimal()]
    authors = Author.objects.in_bulk(wanted)
    return [authors[int(pk)].name for pk in wanted if int(pk) in authors]


@loop("query-in-loop", origin=False)
def get_of_keys_that_the_loop_checks(n):
    names = []
    for pk in requested(n).GET["ids"].split(","):  # loop
        if pk == "7" or not pk.isdecimal():
            continue
        names.append(Author.objects.get(pk=pk).name)  # site
    return names


@healthy(twin=get_of_keys_that_the_loop_checks)
def keys_that_are_checked_by_a_pattern(n):
    wanted = [int(pk) for pk in requested(n).GET["ids"].split(",") if pk.isdecimal()]
    return [author.name for author in Author.objects.filter(pk__in=wanted).order_by("pk")]


def names_of(keys):
    names = []
    for pk in keys:  # loop:get_per_key_of_a_generator
        names.append(Author.objects.get(pk=pk).name)  # site:get_per_key_of_a_generator
    return names


@loop("query-in-loop", origin=False)
def get_per_key_of_a_generator(n):
    return names_of(line.partition(",")[0] for line in lines(n))


@healthy(twin=get_per_key_of_a_generator)
def keys_of_a_generator_at_once(n):
    keys = [int(line.partition(",")[0]) for line in lines(n)]
    authors = Author.objects.in_bulk(keys)
    return [authors[pk].name for pk in keys]


@loop("query-in-loop", origin=False)
def first_per_line_of_a_file(n):
    slugs = []
    for row in csv.DictReader(["entry,number", *lines(n)]):  # loop
        entry = Entry.objects.filter(pk=row["entry"]).first()  # site
        slugs.append((entry.slug if entry else "", row["number"]))
    return slugs


@healthy(twin=first_per_line_of_a_file)
def rows_of_a_file_at_once(n):
    rows = list(csv.DictReader(["entry,number", *lines(n)]))
    entries = Entry.objects.in_bulk([row["entry"] for row in rows])
    return [(entries[int(row["entry"])].slug, row["number"]) for row in rows]


@loop("query-in-loop", origin=False)
def chapter_per_line_of_a_file(n):
    found = []
    for entry, number in csv.reader(lines(n)):  # loop
        found.append(Chapter.objects.filter(entry_id=entry, number=number).exists())  # site
    return found


@healthy(twin=chapter_per_line_of_a_file)
def chapters_of_a_file_at_once(n):
    rows = [(int(entry), int(number)) for entry, number in csv.reader(lines(n))]
    chapters = Chapter.objects.filter(entry_id__in=[entry for entry, _ in rows])
    known = set(chapters.values_list("entry_id", "number"))
    return [row in known for row in rows]


@loop("query-in-loop", origin=False)
def rows_per_foreign_key_of_a_request(n):
    request, slugs = requested(n), []
    for pk in request.GET.getlist("id"):  # loop
        slugs.append([entry.slug for entry in Entry.objects.filter(author_id=pk)])  # site
    return slugs


@healthy(twin=rows_per_foreign_key_of_a_request)
def rows_of_all_foreign_keys(n):
    entries = {}
    for entry in Entry.objects.filter(author_id__in=requested(n).GET.getlist("id")):
        entries.setdefault(str(entry.author_id), []).append(entry.slug)
    return [entries.get(pk, []) for pk in requested(n).GET.getlist("id")]


@loop("query-in-loop", origin=False)
def count_per_foreign_key_of_a_request(n):
    request, counts = requested(n), {}
    for pk in request.GET.getlist("id"):  # loop
        counts[pk] = Chapter.objects.filter(entry_id=pk).count()  # site
    return counts


@healthy(twin=count_per_foreign_key_of_a_request)
def count_of_all_foreign_keys(n):
    keys = requested(n).GET.getlist("id")
    counts = dict.fromkeys(keys, 0)
    for entry in Chapter.objects.filter(entry_id__in=keys).values_list("entry_id", flat=True):
        counts[str(entry)] += 1
    return counts


@loop("query-in-loop", origin=False)
def first_child_per_key_of_a_request(n):
    request, titles = requested(n), []
    for pk in request.GET.getlist("id"):  # loop
        chapter = Chapter.objects.filter(entry_id=pk).first()  # site
        titles.append(chapter.title if chapter else "")
    return titles


@healthy(twin=first_child_per_key_of_a_request)
def first_children_at_once(n):
    titles = {}
    keys = requested(n).GET.getlist("id")
    for chapter in Chapter.objects.filter(entry_id__in=keys).order_by("pk"):
        titles.setdefault(str(chapter.entry_id), chapter.title)
    return [titles.get(pk, "") for pk in keys]


# --- of a type that the source does not tell ------------------------------------------------


@loop("query-in-loop", origin=False)
def get_per_key_of_a_document(n):
    document = json.dumps([str(key) for key in numbers(n)])
    names = []
    for pk in json.loads(document):  # loop
        names.append(Author.objects.get(pk=pk).name)  # site
    return names


@healthy(twin=get_per_key_of_a_document)
def keys_of_a_document_at_once(n):
    authors = Author.objects.in_bulk(json.loads(json.dumps([str(key) for key in numbers(n)])))
    return [author.name for author in authors.values()]


@loop("query-in-loop", origin=False)
def rows_per_option_of_a_command(n):
    options = {"ids": [key if key % 2 else str(key) for key in numbers(n)]}
    found = []
    for pk in options["ids"]:  # loop
        found.append(list(Author.objects.filter(pk=pk)))  # site
    return found


@healthy(twin=rows_per_option_of_a_command)
def rows_of_all_options(n):
    options = {"ids": [key if key % 2 else str(key) for key in numbers(n)]}
    return list(Author.objects.filter(pk__in=options["ids"]).order_by("pk"))


# --- UUIDs, dates, numbers for text ---------------------------------------------------------


@loop("query-in-loop", origin=False)
def get_per_uuid_as_text(n):
    keys = [str(key) for key in uuids(n)]
    return [Category.objects.get(pk=key).slug for key in keys]  # loop site


@healthy(twin=get_per_uuid_as_text)
def uuids_as_text_at_once(n):
    keys = [str(key) for key in uuids(n)]
    categories = Category.objects.in_bulk(keys)
    return [categories[uuid.UUID(key)].slug for key in keys]


@loop("query-in-loop", origin=False)
def get_of_uuids_that_are_checked_by_asking(n):
    slugs = []
    for key in ",".join([*map(str, uuids(n)), "none"]).split(","):  # loop
        try:
            slugs.append(Category.objects.get(pk=key).slug)  # site
        except (Category.DoesNotExist, ValidationError):
            slugs.append("")
    return slugs


@healthy(twin=get_of_uuids_that_are_checked_by_asking)
def uuids_that_are_checked_before(n):
    return [category.slug for category in Category.objects.in_bulk(uuids(n)).values()]


@loop("query-in-loop", origin=False)
def count_per_uuid_as_text(n):
    counts = {}
    for text in map(str, uuids(n)):  # loop
        counts[text] = Category.objects.filter(parent_id=text).count()  # site
    return counts


@healthy(twin=count_per_uuid_as_text)
def count_of_all_uuids(n):
    counts = dict.fromkeys(uuids(n), 0)
    for key in Category.objects.filter(parent_id__in=counts).values_list("parent_id", flat=True):
        counts[key] += 1
    return {str(key): count for key, count in counts.items()}


@loop("query-in-loop", origin=False)
def rows_per_day_as_text(n):
    days = [f"2024-01-{1 + i:02}" for i in range(n)]
    return [len(Entry.objects.filter(created=day)) for day in days]  # loop site


@healthy(twin=rows_per_day_as_text)
def rows_of_all_days(n):
    days = [f"2024-01-{1 + i:02}" for i in range(n)]
    created = Entry.objects.filter(created__in=days).values_list("created", flat=True)
    return [sum(each.isoformat() == day for each in created) for day in days]


def numbered_notes(n):
    Note.objects.bulk_create(Note(slug=str(i), text=f"Note {i}") for i in range(n))
    return n


@loop("query-in-loop", origin=False, setup=numbered_notes)
def get_per_number_of_a_text_field(n):
    return [Note.objects.get(slug=i).text for i in range(n)]  # loop site


@healthy(twin=get_per_number_of_a_text_field, setup=numbered_notes)
def numbers_of_a_text_field_at_once(n):
    notes = Note.objects.in_bulk([str(i) for i in range(n)], field_name="slug")
    return [notes[str(i)].text for i in range(n)]


# --- beside the parents -----------------------------------------------------------------------


@loop("query-in-loop")
def children_by_a_number_as_text(n):
    found = []
    for author in Author.objects.order_by("pk"):  # loop origin
        wanted = f"{author.rating - 1}"
        found.append([entry.slug for entry in author.entries.filter(rating=wanted)])  # site
    return found


@healthy(twin=children_by_a_number_as_text)
def children_by_a_number(n):
    return [
        [entry.slug for entry in author.entries.all() if entry.rating == author.rating - 1]
        for author in Author.objects.prefetch_related("entries").order_by("pk")
    ]


@loop("query-in-loop")
def count_by_a_key_in_place_of_an_object(n):
    counts = []
    for entry in Entry.objects.order_by("pk"):  # loop origin
        counts.append(Entry.objects.filter(author=entry.author_id).count())  # site
    return counts


@healthy(twin=count_by_a_key_in_place_of_an_object)
def count_by_all_keys(n):
    keys = list(Entry.objects.order_by("pk").values_list("author_id", flat=True))
    found = list(Entry.objects.filter(author__in=keys).values_list("author_id", flat=True))
    return [found.count(key) for key in keys]


# --- writes -----------------------------------------------------------------------------------


@loop("write-in-loop", origin=False)
def delete_per_key_of_a_request(n):
    request = requested(n)
    for pk in request.GET.getlist("id"):  # loop
        Note.objects.filter(pk=pk).delete()  # site


@healthy(twin=delete_per_key_of_a_request)
def delete_all_keys_of_a_request(n):
    Note.objects.filter(pk__in=requested(n).GET.getlist("id")).delete()


@loop("write-in-loop", turns=lambda n: 2 * n, statements=None, origin="optional")
def update_or_create_of_one_key_twice(n):
    authors = list(Author.objects.order_by("pk"))  # origin assigned
    for author in authors + authors:  # loop
        slug = f"n{author.rating}"
        Note.objects.update_or_create(slug=slug, defaults={"text": author.slug})  # site


@healthy(twin=update_or_create_of_one_key_twice)
def upsert_of_one_key_twice(n):
    texts = {f"n{author.rating}": author.slug for author in Author.objects.all()}
    known = Note.objects.in_bulk(texts, field_name="slug")
    for slug, note in known.items():
        note.text = texts.pop(slug)
    Note.objects.bulk_update(known.values(), ["text"])
    Note.objects.bulk_create(Note(slug=slug, text=text) for slug, text in texts.items())


def half_of_the_members(n):
    Membership.objects.filter(pk__in=numbers(n)[::2]).delete()
    return n


@loop("write-in-loop", statements=None, turns=None, setup=half_of_the_members)
def get_or_create_by_an_object(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        Membership.objects.get_or_create(member=author, defaults={"club_id": author.pk})  # site


@healthy(twin=get_or_create_by_an_object, setup=half_of_the_members)
def create_missing_objects(n):
    known = set(Membership.objects.values_list("member_id", flat=True))
    authors = Author.objects.exclude(pk__in=known)
    Membership.objects.bulk_create(Membership(member=one, club_id=one.pk) for one in authors)


@loop("write-in-loop")
def save_per_child_of_each_row(n):
    for author in Author.objects.prefetch_related("entries").order_by("pk"):  # origin
        for entry in author.entries.all():  # loop
            entry.rating += author.rating
            entry.save()  # site


@healthy(twin=save_per_child_of_each_row)
def save_all_children_at_once(n):
    changed = []
    for author in Author.objects.prefetch_related("entries").order_by("pk"):
        for entry in author.entries.all():
            entry.rating += author.rating
            changed.append(entry)
    Entry.objects.bulk_update(changed, ["rating"])
