"""Rows written one by one."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, F, Value, When
from django.db.models.signals import post_delete, post_save

from tests.corpus.labels import healthy, loop
from tests.corpus.models import (
    AuditedNote,
    Author,
    Blog,
    Entry,
    Membership,
    Note,
    Option,
    Place,
    Restaurant,
    Tag,
)


@loop("write-in-loop", origin=False)
def create_per_row(n):
    for i in range(n):  # loop
        Tag.objects.create(name=f"New {i}")  # site


@healthy(twin=create_per_row)
def create_in_bulk(n):
    Tag.objects.bulk_create([Tag(name=f"New {i}") for i in range(n)])


@loop("write-in-loop", origin=False)
def save_of_new_rows(n):
    for i in range(n):  # loop
        tag = Tag(name=f"New {i}")
        tag.save()  # site


@healthy(twin=save_of_new_rows, cleared="batched", grows=True)
def create_in_bulk_in_batches(n):
    Tag.objects.bulk_create([Tag(name=f"New {i}") for i in range(n)], batch_size=2)


@loop("write-in-loop", origin=False)
def bulk_create_of_one(n):
    for i in range(n):  # loop
        Tag.objects.bulk_create([Tag(name=f"New {i}")])  # site


@healthy(twin=bulk_create_of_one, cleared="batched", grows=True)
def bulk_create_of_chunks(n):
    tags = [Tag(name=f"New {i}") for i in range(n)]
    for start in range(0, n, 2):
        Tag.objects.bulk_create(tags[start : start + 2])


@loop("write-in-loop")
def save_per_row(n):
    for note in Note.objects.order_by("pk"):  # loop origin
        note.text = note.slug.upper()
        note.save()  # site


@healthy(twin=save_per_row)
def save_in_bulk(n):
    notes = list(Note.objects.order_by("pk"))
    for note in notes:
        note.text = note.slug.upper()
    Note.objects.bulk_update(notes, ["text"])


@loop("write-in-loop")
def save_of_one_field(n):
    notes = list(Note.objects.order_by("pk"))  # origin assigned
    for note in notes:  # loop
        note.done = True
        note.save(update_fields=["done"])  # site


@healthy(twin=save_of_one_field)
def update_of_one_field(n):
    Note.objects.update(done=True)


@loop("write-in-loop")
def bulk_update_of_one(n):
    for note in Note.objects.order_by("pk"):  # loop origin
        note.text = "x"
        Note.objects.bulk_update([note], ["text"])  # site


@healthy(twin=bulk_update_of_one, cleared="batched", grows=True)
def bulk_update_in_batches(n):
    notes = list(Note.objects.order_by("pk"))
    for note in notes:
        note.text = note.slug
    Note.objects.bulk_update(notes, ["text"], batch_size=2)


@loop("write-in-loop")
def update_per_row(n):
    for note in Note.objects.order_by("pk"):  # loop origin
        Note.objects.filter(pk=note.pk).update(text=note.slug)  # site


@healthy(twin=update_per_row)
def update_by_case(n):
    arms = [When(slug=f"n{i}", then=Value(f"text {i}")) for i in range(n)]
    Note.objects.update(text=Case(*arms, default=F("text")))


@loop("write-in-loop")
def update_of_two_fields_per_row(n):
    for note in Note.objects.order_by("pk"):  # loop origin
        Note.objects.filter(pk=note.pk).update(text=note.slug, done=note.pk % 2 == 0)  # site


@healthy(twin=update_of_two_fields_per_row)
def update_of_two_fields_by_case(n):
    arms = [When(slug=f"n{i}", then=Value(f"text {i}")) for i in range(n)]
    even = [When(slug=f"n{i}", then=Value(i % 2 == 0)) for i in range(n)]
    Note.objects.update(text=Case(*arms, default=F("text")), done=Case(*even, default=F("done")))


@loop("write-in-loop", origin=False)
def update_of_a_row_twice(n):
    for i in range(n):  # loop
        Note.objects.filter(slug=f"n{i // 2}").update(text=f"text {i}")  # site


@healthy(twin=update_of_a_row_twice)
def update_of_the_last_texts(n):
    arms = [When(slug=f"n{i // 2}", then=Value(f"text {i}")) for i in reversed(range(n))]
    Note.objects.update(text=Case(*arms, default=F("text")))


@loop("write-in-loop", origin=False)
def increment_per_row(n):
    for i in range(n):  # loop
        Entry.objects.filter(slug=f"e{i}").update(rating=F("rating") + 1)  # site


@healthy(twin=increment_per_row)
def increment_of_all_rows(n):
    Entry.objects.filter(slug__in=[f"e{i}" for i in range(n)]).update(rating=F("rating") + 1)


@loop("write-in-loop")
def delete_per_row(n):
    for note in Note.objects.order_by("pk"):  # loop origin
        note.delete()  # site


@healthy(twin=delete_per_row)
def delete_of_all_rows(n):
    Note.objects.filter(slug__startswith="n").delete()


@loop("write-in-loop", origin=False)
def filtered_delete_per_row(n):
    for i in range(n):  # loop
        Note.objects.filter(slug=f"n{i}").delete()  # site


@healthy(twin=filtered_delete_per_row)
def filtered_delete_of_all_rows(n):
    Note.objects.filter(slug__in=[f"n{i}" for i in range(n)]).delete()


@loop("write-in-loop", statements=None, turns=None)
def cascading_delete_per_row(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.delete()  # site


@healthy(twin=cascading_delete_per_row)
def cascading_delete_of_one(n):
    # Its entries are reached twice, as author and as editor, and their chapters both times.
    Author.objects.get(slug="a0").delete()


@healthy(twin=cascading_delete_per_row)
def cascading_delete_of_all_rows(n):
    Blog.objects.all().delete()


@loop("write-in-loop", statements=2, origin=False)
def get_or_create_of_new_rows(n):
    for i in range(n):  # loop
        Tag.objects.get_or_create(name=f"New {i}")  # site


@healthy(twin=get_or_create_of_new_rows)
def create_of_missing_rows(n):
    wanted = {f"New {i}" for i in range(n)}
    known = set(Tag.objects.filter(name__in=wanted).values_list("name", flat=True))
    Tag.objects.bulk_create([Tag(name=name) for name in sorted(wanted - known)])


@loop("write-in-loop", origin=False)
def get_or_create_of_known_rows(n):
    notes = []
    for i in range(n):  # loop
        note, _created = Note.objects.get_or_create(slug=f"n{i}")  # site
        notes.append(note)
    return notes


@healthy(twin=get_or_create_of_known_rows)
def create_ignoring_conflicts(n):
    notes = [Note(slug=f"n{i}") for i in range(n)]
    Note.objects.bulk_create(notes, ignore_conflicts=True)


@loop("write-in-loop", statements=None, origin=False)
def update_or_create_of_known_rows(n):
    for i in range(n):  # loop
        Note.objects.update_or_create(slug=f"n{i}", defaults={"text": f"text {i}"})  # site


@healthy(twin=update_or_create_of_known_rows)
def upsert_in_bulk(n):
    notes = {note.slug: note for note in Note.objects.filter(slug__startswith="n")}
    for i in range(n):
        notes[f"n{i}"].text = f"text {i}"
    Note.objects.bulk_update(notes.values(), ["text"])


@loop("write-in-loop", statements=None, origin=False)
def update_or_create_of_new_rows(n):
    for i in range(n):  # loop
        Note.objects.update_or_create(slug=f"new-{i}", defaults={"text": f"text {i}"})  # site


@healthy(twin=update_or_create_of_new_rows)
def create_new_notes_in_bulk(n):
    Note.objects.bulk_create([Note(slug=f"new-{i}", text=f"text {i}") for i in range(n)])


@loop("write-in-loop", statements=None)
def m2m_add_per_row(n):
    tag = Tag.objects.create(name="added")
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.tags.add(tag)  # site


@healthy(twin=m2m_add_per_row)
def m2m_add_of_all_rows(n):
    tag = Tag.objects.create(name="added")
    tag.entries.add(*Entry.objects.order_by("pk"))


@loop("write-in-loop", statements=None, origin=False)
def m2m_add_one_by_one(n):
    entry = Entry.objects.order_by("pk").first()
    tags = Tag.objects.bulk_create([Tag(name=f"New {i}") for i in range(n)])
    for tag in tags:  # loop
        entry.tags.add(tag)  # site


@healthy(twin=m2m_add_one_by_one)
def m2m_add_all_at_once(n):
    entry = Entry.objects.order_by("pk").first()
    entry.tags.add(*Tag.objects.bulk_create([Tag(name=f"New {i}") for i in range(n)]))


@loop("write-in-loop", statements=None)
def m2m_remove_per_row(n):
    tag = Tag.objects.order_by("pk").first()
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.tags.remove(tag)  # site


@healthy(twin=m2m_remove_per_row)
def m2m_remove_of_all_rows(n):
    tag = Tag.objects.order_by("pk").first()
    tag.entries.clear()


@loop("write-in-loop", statements=None)
def m2m_set_per_row(n):
    tags = list(Tag.objects.order_by("pk")[:1])
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.tags.set(tags)  # site


@healthy(twin=m2m_set_per_row)
def m2m_set_through_rows(n):
    through = Entry.tags.through
    tag = Tag.objects.order_by("pk").first()
    through.objects.all().delete()
    through.objects.bulk_create(
        [through(entry=entry, tag=tag) for entry in Entry.objects.order_by("pk")]
    )


@loop("write-in-loop", statements=None)
def m2m_clear_per_row(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.tags.clear()  # site


@healthy(twin=m2m_clear_per_row)
def m2m_clear_of_all_rows(n):
    Entry.tags.through.objects.all().delete()


@loop("write-in-loop")
def related_create_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.blogs.create(name=f"Blog of {author.slug}")  # site


@healthy(twin=related_create_per_row)
def related_create_in_bulk(n):
    Blog.objects.bulk_create(
        [Blog(name=f"Blog of {author.slug}", owner=author) for author in Author.objects.all()]
    )


@loop("write-in-loop")
def related_add_per_row(n):
    heir = Author.objects.get(slug="a0")
    for blog in Blog.objects.order_by("pk"):  # loop origin
        heir.blogs.add(blog)  # site


@healthy(twin=related_add_per_row)
def related_add_of_all_rows(n):
    heir = Author.objects.get(slug="a0")
    heir.blogs.add(*Blog.objects.order_by("pk"))


@loop("write-in-loop", statements=2)
def inherited_save_per_row(n):
    for restaurant in Restaurant.objects.order_by("pk"):  # loop origin
        restaurant.serves = "salad"
        restaurant.save()  # site


@healthy(twin=inherited_save_per_row)
def inherited_update(n):
    Restaurant.objects.update(serves="salad")
    Place.objects.update(name="Place")


# The worse of the two rules names the finding.
@loop("query-in-loop", statements=2, tag="audited_save")
def overridden_save_per_row(n):
    for note in AuditedNote.objects.order_by("pk"):  # loop origin
        note.save()


@healthy(twin=overridden_save_per_row)
def overridden_save_of_one(n):
    AuditedNote.objects.get(slug="n0").save()


@loop("query-in-loop", statements=2)
def save_with_signal_per_row(n):
    def count_authors(sender, instance, **kwargs):
        Author.objects.filter(slug=instance.slug).count()  # site

    post_save.connect(count_authors, sender=Note)
    try:
        for note in Note.objects.order_by("pk"):  # loop origin
            note.save()  # site
    finally:
        post_save.disconnect(count_authors, sender=Note)


@healthy(twin=save_with_signal_per_row)
def save_with_signal_once(n):
    def count_authors(sender, instance, **kwargs):
        Author.objects.filter(slug=instance.slug).count()

    post_save.connect(count_authors, sender=Note)
    try:
        Note.objects.get(slug="n0").save()
    finally:
        post_save.disconnect(count_authors, sender=Note)


@loop("query-in-loop", loop_kind="call", origin="optional")
def signal_for_each_deleted_row(n):
    def count(slug):
        Author.objects.filter(slug=slug).count()  # site

    def count_authors(sender, instance, **kwargs):
        count(instance.slug)

    post_delete.connect(count_authors, sender=Note)
    try:
        Note.objects.all().delete()  # loop
    finally:
        post_delete.disconnect(count_authors, sender=Note)


@healthy(twin=signal_for_each_deleted_row)
def signal_for_one_deleted_row(n):
    def count_authors(sender, instance, **kwargs):
        Author.objects.filter(slug=instance.slug).count()

    post_delete.connect(count_authors, sender=Note)
    try:
        Note.objects.get(slug="n0").delete()
    finally:
        post_delete.disconnect(count_authors, sender=Note)


@loop("write-in-loop", origin=False)
def savepoint_per_turn(n):
    for i in range(n):  # loop
        with transaction.atomic():
            Note.objects.create(slug=f"new-{i}")  # site


@healthy(twin=savepoint_per_turn)
def savepoint_around_all(n):
    with transaction.atomic():
        Note.objects.bulk_create([Note(slug=f"new-{i}") for i in range(n)])


@loop("write-in-loop", origin=False)
def savepoint_per_turn_with_a_failure(n):
    # One row fails, which makes the others no retries.
    for i in range(n):  # loop
        try:
            with transaction.atomic():
                Note.objects.create(slug="n0" if i == 2 else f"new-{i}")  # site
        except IntegrityError:
            continue


@healthy(twin=savepoint_per_turn_with_a_failure)
def savepoint_around_all_with_conflicts(n):
    with transaction.atomic():
        Note.objects.bulk_create(
            [Note(slug="n0" if i == 0 else f"new-{i}") for i in range(n)], ignore_conflicts=True
        )


@loop("lazy-relation", statements=2)
def read_and_write_per_row(n):
    for membership in Membership.objects.order_by("pk"):  # loop origin
        membership.since = membership.member.rating  # site
        membership.save()  # site


@healthy(twin=read_and_write_per_row)
def read_and_write_at_once(n):
    memberships = list(Membership.objects.select_related("member"))
    for membership in memberships:
        membership.since = membership.member.rating
    Membership.objects.bulk_update(memberships, ["since"])


@loop("write-in-loop", "query-in-loop", origin=False)
def validation_per_row(n):
    # Django asks by itself whether the slug is taken.
    names = ["colour", *(f"option-{i}" for i in range(1, n))]
    taken = []
    for name in names:  # loop
        try:
            Option(name=name, value="x").full_clean()  # site
        except ValidationError:
            taken.append(name)
    return taken


@healthy(twin=validation_per_row)
def validation_without_queries(n):
    for i in range(n):
        Option(name=f"option-{i}", value="x").clean_fields()


@loop("write-in-loop", origin=False, transactional=True)
def transaction_per_turn(n):
    for i in range(n):  # loop
        with transaction.atomic():
            Note.objects.filter(slug=f"n{i}").update(text="x")  # site


@healthy(twin=transaction_per_turn, transactional=True)
def one_transaction(n):
    with transaction.atomic():
        Note.objects.filter(slug__in=[f"n{i}" for i in range(n)]).update(text="x")


@healthy(transactional=True)
def transactions_without_queries(n):
    for _i in range(n):
        with transaction.atomic():
            connection.ensure_connection()
    Note.objects.count()
