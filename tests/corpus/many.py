"""Many-to-many relations read in a loop, from both ends."""

from django.db.models import Count, Prefetch

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Club, Entry, Membership, Tag


@loop("lazy-relation", relation="corpus.Entry.tags")
def m2m(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        list(entry.tags.all())  # site


@healthy(twin=m2m)
def m2m_prefetched(n):
    for entry in Entry.objects.prefetch_related("tags"):
        list(entry.tags.all())


@loop("lazy-relation", relation="corpus.Tag.entries")
def m2m_from_the_other_end(n):
    for tag in Tag.objects.order_by("pk"):  # loop origin
        list(tag.entries.all())  # site


@healthy(twin=m2m_from_the_other_end)
def m2m_from_the_other_end_prefetched(n):
    for tag in Tag.objects.prefetch_related("entries"):
        list(tag.entries.all())


@loop("lazy-relation", relation="corpus.Club.members")
def m2m_with_through_model(n):
    for club in Club.objects.order_by("pk"):  # loop origin
        list(club.members.all())  # site


@healthy(twin=m2m_with_through_model)
def m2m_with_through_model_prefetched(n):
    for club in Club.objects.prefetch_related("members"):
        list(club.members.all())


@loop("lazy-relation", relation="corpus.Author.clubs")
def m2m_with_through_model_reversed(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        [club.name for club in author.clubs.all()]  # site


@healthy(twin=m2m_with_through_model_reversed)
def m2m_with_through_model_reversed_prefetched(n):
    for author in Author.objects.prefetch_related("clubs"):
        [club.name for club in author.clubs.all()]


@loop("lazy-relation", relation="corpus.Membership.member")
def m2m_through_row(n):
    for membership in Membership.objects.select_related("club"):  # loop origin
        membership.club.name + membership.member.name  # site


@healthy(twin=m2m_through_row)
def m2m_through_row_joined(n):
    for membership in Membership.objects.select_related("club", "member"):
        membership.club.name + membership.member.name


@loop("lazy-relation", relation="corpus.Author.friends")
def m2m_to_self(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(author.friends.all())  # site


@healthy(twin=m2m_to_self)
def m2m_to_self_prefetched(n):
    for author in Author.objects.prefetch_related("friends"):
        list(author.friends.all())


@loop("query-in-loop")
def m2m_count(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.tags.count()  # site


@healthy(twin=m2m_count)
def m2m_count_annotated(n):
    for entry in Entry.objects.annotate(tag_total=Count("tags")):
        entry.tag_total + 1


@loop("query-in-loop")
def m2m_exists(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.tags.exists()  # site


@healthy(twin=m2m_exists)
def m2m_exists_prefetched(n):
    for entry in Entry.objects.prefetch_related("tags"):
        entry.tags.exists()


@loop("query-in-loop")
def m2m_filter(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        list(entry.tags.filter(name__startswith="Tag"))  # site


@healthy(twin=m2m_filter)
def m2m_filter_prefetched(n):
    tags = Prefetch("tags", Tag.objects.filter(name__startswith="Tag"), to_attr="named_tags")
    for entry in Entry.objects.prefetch_related(tags):
        list(entry.named_tags)


@loop("query-in-loop")
def m2m_values_list(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        list(entry.tags.values_list("name", flat=True))  # site


@healthy(twin=m2m_values_list)
def m2m_values_list_at_once(n):
    return list(Entry.objects.values_list("headline", "tags__name"))


@loop("query-in-loop")
def m2m_membership_of_one_object(n):
    tag = Tag.objects.order_by("pk").first()
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.tags.filter(pk=tag.pk).exists()  # site


@healthy(twin=m2m_membership_of_one_object)
def m2m_membership_of_one_object_prefetched(n):
    tag = Tag.objects.order_by("pk").first()
    for entry in Entry.objects.prefetch_related("tags"):
        tag in entry.tags.all()


@loop("lazy-relation", relation="corpus.Entry.tags", turns=lambda n: n)
def m2m_of_prefetched_rows(n):
    # The rows that the inner loop runs over came with the query of the outer one.
    for author in Author.objects.prefetch_related("entries"):  # origin
        for entry in author.entries.all():  # loop
            list(entry.tags.all())  # site


@healthy(twin=m2m_of_prefetched_rows)
def m2m_of_prefetched_rows_prefetched(n):
    for author in Author.objects.prefetch_related("entries__tags"):
        for entry in author.entries.all():
            list(entry.tags.all())


@loop("lazy-relation", relation="corpus.Entry.tags")
def m2m_in_a_joined_parent(n):
    for entry in Entry.objects.select_related("author", "blog"):  # loop origin
        [tag.name for tag in entry.tags.all()]  # site


@healthy(twin=m2m_in_a_joined_parent)
def m2m_in_a_joined_parent_prefetched(n):
    for entry in Entry.objects.select_related("author").prefetch_related("tags"):
        [tag.name for tag in entry.tags.all()]
