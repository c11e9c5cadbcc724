"""Forward relations read in a loop: foreign keys of every kind, generic ones, chains."""

from django.db import models
from django.db.models import prefetch_related_objects

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Book, City, Entry, Message, Profile, Remark

PEERS = getattr(models, "FETCH_PEERS", None)


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="for")
def forward_fk(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.author.name  # site


@healthy(twin=forward_fk)
def forward_fk_joined(n):
    for entry in Entry.objects.select_related("author"):
        entry.author.name


@healthy(twin=forward_fk)
def forward_fk_prefetched(n):
    for entry in Entry.objects.prefetch_related("author"):
        entry.author.name


@healthy(twin=forward_fk)
def forward_fk_prefetched_by_hand(n):
    entries = list(Entry.objects.all())
    prefetch_related_objects(entries, "author", "editor")
    for entry in entries:
        entry.author.name + entry.editor.name


@healthy(twin=forward_fk)
def forward_fk_key_only(n):
    return [entry.author_id for entry in Entry.objects.all()]


@healthy(twin=forward_fk, available=PEERS is not None)
def forward_fk_fetched_with_peers(n):
    for entry in Entry.objects.fetch_mode(PEERS):
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def forward_fk_of_named_queryset(n):
    entries = Entry.objects.filter(rating__gte=0)  # assigned
    for entry in entries:  # loop origin
        entry.author.name  # site


@healthy(twin=forward_fk_of_named_queryset)
def forward_fk_of_named_queryset_joined(n):
    entries = Entry.objects.filter(rating__gte=0).select_related("author")
    for entry in entries:
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def forward_fk_of_list(n):
    entries = list(Entry.objects.all())  # origin assigned
    Author.objects.count()  # a later query, of another model
    for entry in entries:  # loop
        entry.author.name  # site


@healthy(twin=forward_fk_of_list)
def forward_fk_of_list_joined(n):
    entries = list(Entry.objects.select_related("author"))
    Author.objects.count()
    for entry in entries:
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def forward_fk_of_the_older_list(n):
    entries = list(Entry.objects.order_by("pk"))  # origin assigned
    others = list(Entry.objects.order_by("-pk"))  # same model, later, and not the parents
    for entry in entries:  # loop
        entry.author.name  # site
    return others


@healthy(twin=forward_fk_of_the_older_list)
def forward_fk_of_the_older_list_joined(n):
    entries = list(Entry.objects.select_related("author").order_by("pk"))
    others = list(Entry.objects.order_by("-pk"))
    for entry in entries:
        entry.author.name
    return others


@loop("lazy-relation", relation="corpus.Entry.author")
def forward_fk_after_reassignment(n):
    entries = Entry.objects.all()
    entries = entries.filter(rating__gte=0)
    entries = entries.order_by("pk")  # assigned
    for entry in entries:  # loop origin
        entry.author.name  # site


@healthy(twin=forward_fk_after_reassignment)
def forward_fk_after_reassignment_joined(n):
    entries = Entry.objects.all()
    entries = entries.select_related("author")
    for entry in entries:
        entry.author.name


def load_entries():
    return list(Entry.objects.order_by("pk"))  # origin:forward_fk_loaded_elsewhere


@loop("lazy-relation", relation="corpus.Entry.author")
def forward_fk_loaded_elsewhere(n):
    entries = load_entries()  # assigned
    for entry in entries:  # loop
        entry.author.name  # site


@healthy(twin=forward_fk_loaded_elsewhere)
def forward_fk_loaded_elsewhere_prefetched(n):
    entries = load_entries()
    prefetch_related_objects(entries, "author")
    for entry in entries:
        entry.author.name


@loop("query-in-loop", tag="fetch", origin=False)
@loop("lazy-relation", relation="corpus.Entry.author", tag="read")
def forward_fk_of_rows_loaded_singly(n):
    # Rows that were loaded one by one are no excuse.
    # site:fetch loop:fetch origin:read assigned:read
    entries = [Entry.objects.get(slug=f"e{i}") for i in range(n)]
    for entry in entries:  # loop:read
        entry.author.name  # site:read


@healthy(twin=forward_fk_of_rows_loaded_singly)
def forward_fk_of_rows_loaded_together(n):
    slugs = [f"e{i}" for i in range(n)]
    for entry in Entry.objects.filter(slug__in=slugs).select_related("author"):
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def forward_fk_of_an_assigned_key(n):
    names = []
    for entry in Entry.objects.select_related("author").order_by("pk"):  # loop origin
        entry.author_id = entry.editor_id
        names.append(entry.author.name)  # site
    return names


@healthy(twin=forward_fk_of_an_assigned_key)
def forward_fk_of_an_assigned_object(n):
    entries = list(Entry.objects.order_by("pk"))
    authors = Author.objects.in_bulk([entry.editor_id for entry in entries])
    for entry in entries:
        entry.author = authors[entry.editor_id]
    return [entry.author.name for entry in entries]


@loop("lazy-relation", relation="corpus.Entry.author")
def forward_fk_joined_to_another_relation(n):
    for entry in Entry.objects.select_related("editor"):  # loop origin
        entry.author.name  # site


@healthy(twin=forward_fk_joined_to_another_relation)
def forward_fk_joined_to_both_relations(n):
    for entry in Entry.objects.select_related("editor", "author"):
        entry.author.name + entry.editor.name


@loop("lazy-relation", statements=None, turns=None, total=lambda n: 2 * n)
def forward_two_fks_to_one_model(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.author.name + entry.editor.name  # site


@healthy(twin=forward_two_fks_to_one_model)
def forward_two_fks_to_one_model_prefetched(n):
    for entry in Entry.objects.prefetch_related("author", "editor"):
        entry.author.name + entry.editor.name


@loop("lazy-relation", relation="corpus.Entry.category")
def forward_fk_with_few_distinct_parents(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.category.slug  # site


@healthy(twin=forward_fk_with_few_distinct_parents)
def forward_fk_with_few_distinct_parents_prefetched(n):
    for entry in Entry.objects.prefetch_related("category"):
        entry.category.slug


@loop("lazy-relation", relation="corpus.Author.mentor")
def forward_self_fk(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.mentor.name  # site


@healthy(twin=forward_self_fk)
def forward_self_fk_joined(n):
    for author in Author.objects.select_related("mentor"):
        author.mentor.name


@loop("lazy-relation", relation="corpus.City.country")
def forward_fk_to_char_key(n):
    for city in City.objects.order_by("pk"):  # loop origin
        city.country.name  # site


@healthy(twin=forward_fk_to_char_key)
def forward_fk_to_char_key_joined(n):
    for city in City.objects.select_related("country"):
        city.country.name


@loop("lazy-relation", relation="corpus.Book.writer")
def forward_fk_to_field(n):
    for book in Book.objects.order_by("pk"):  # loop origin
        book.writer.name  # site


@healthy(twin=forward_fk_to_field)
def forward_fk_to_field_prefetched(n):
    for book in Book.objects.prefetch_related("writer"):
        book.writer.name


@loop("lazy-relation", relation="corpus.Message.ticket")
def forward_fk_to_uuid_key(n):
    for message in Message.objects.order_by("pk"):  # loop origin
        message.ticket.subject  # site


@healthy(twin=forward_fk_to_uuid_key)
def forward_fk_to_uuid_key_joined(n):
    for message in Message.objects.select_related("ticket"):
        message.ticket.subject


@loop("lazy-relation", relation="corpus.Profile.author")
def forward_o2o(n):
    for profile in Profile.objects.order_by("pk"):  # loop origin
        profile.author.name  # site


@healthy(twin=forward_o2o)
def forward_o2o_joined(n):
    for profile in Profile.objects.select_related("author"):
        profile.author.name


@loop("lazy-relation", statements=2)
def forward_two_hops(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.author.country.name  # site


@healthy(twin=forward_two_hops)
def forward_two_hops_joined(n):
    for entry in Entry.objects.select_related("author__country"):
        entry.author.country.name


@loop("lazy-relation", relation="corpus.Author.country")
def forward_second_hop(n):
    for entry in Entry.objects.select_related("author"):  # loop origin
        entry.author.country.name  # site


@healthy(twin=forward_second_hop)
def forward_second_hop_prefetched(n):
    for entry in Entry.objects.prefetch_related("author__country"):
        entry.author.country.name


@loop("lazy-relation", statements=None, turns=None, total=lambda n: 4 * n)
def forward_and_back_four_hops(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.author.profile.author.mentor.country.name  # site


@healthy(twin=forward_and_back_four_hops)
def forward_and_back_four_hops_joined(n):
    for entry in Entry.objects.select_related("author__profile", "author__mentor__country"):
        entry.author.profile.author.mentor.country.name


@loop("lazy-relation", relation="corpus.Remark.target")
def generic_fk(n):
    for remark in Remark.objects.filter(topic="entries"):  # loop origin
        remark.target.headline  # site


@healthy(twin=generic_fk)
def generic_fk_prefetched(n):
    for remark in Remark.objects.filter(topic="entries").prefetch_related("target"):
        remark.target.headline


@loop("lazy-relation", relation="corpus.Remark.target", statements=2)
def generic_fk_to_two_models(n):
    for remark in Remark.objects.filter(topic="mixed").order_by("pk"):  # loop origin
        str(remark.target.pk)  # site


@healthy(twin=generic_fk_to_two_models)
def generic_fk_to_two_models_prefetched(n):
    for remark in Remark.objects.filter(topic="mixed").prefetch_related("target"):
        str(remark.target.pk)


@loop("lazy-relation", relation="corpus.Entry.author", any_line=True)
def forward_fk_over_several_lines(n):
    for entry in Entry.objects.filter(  # loop origin
        rating__gte=0,  # origin
    ).order_by("pk"):  # origin
        both(
            entry.headline,
            entry.author.name,  # site
        )


@healthy(twin=forward_fk_over_several_lines)
def forward_fk_over_several_lines_joined(n):
    for entry in Entry.objects.filter(
        rating__gte=0,
    ).select_related("author"):
        both(
            entry.headline,
            entry.author.name,
        )


def both(*values):
    return values
