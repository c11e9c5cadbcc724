"""What a loop writes to the rows that it reads: no edit that would read them as they were before."""

from __future__ import annotations

import pytest

from tests.advice.following import followed
from tests.advice.test_followed import source

pytestmark = pytest.mark.django_db

BLOGS = "told.append(sorted((blog.pk, blog.name) for blog in author.blogs.all()))"
AUTHORS = 'for author in Author.objects.order_by("pk"):'
ENTRIES = 'for entry in Entry.objects.order_by("pk"):'

#: The loop, and what its advice says in place of an edit.
OUTDATED = {
    "a_row_that_is_given": (
        f"""
blog = Blog.objects.order_by("pk").first()
{AUTHORS}
    blog.owner = author
    blog.save()
    {BLOGS}
""",
        "read author.blogs.all() before save() at :26 makes it outdated",
    ),
    "a_row_that_is_given_by_update": (
        f"""
blogs = Blog.objects.filter(pk=Blog.objects.order_by("pk").first().pk)
{AUTHORS}
    blogs.update(owner=author)
    {BLOGS}
""",
        "read author.blogs.all() before update() at :25 makes it outdated",
    ),
    "a_row_that_is_new": (
        f"""
{AUTHORS}
    Blog(name="new", owner=author).save()
    {BLOGS}
""",
        "read author.blogs.all() before save() at :24 makes it outdated",
    ),
    "a_row_that_changes": (
        f"""
{AUTHORS}
    Blog.objects.filter(owner=author).update(name=str(author.pk))
    {BLOGS}
""",
        "read author.blogs.all() before update() at :24 makes it outdated",
    ),
    "a_row_that_goes": (
        f"""
{AUTHORS}
    Blog.objects.filter(owner=author, name__endswith="1").delete()
    {BLOGS}
""",
        "read author.blogs.all() before delete() at :24 makes it outdated",
    ),
    "a_row_that_a_function_makes": (
        f"""
def work():
    def give(author):
        Blog.objects.create(name="new", owner=author)

    {AUTHORS}
        give(author)
        {BLOGS}
""",
        "no prefetch before the loop shows what is written at :",
    ),
    "rows_that_go_to_a_later_turn": (
        f"""
heir = Author.objects.order_by("pk").last()
{AUTHORS}
    for blog in author.blogs.all():
        told.append(blog.pk)
        blog.owner = heir
        blog.save()
""",
        "no prefetch before the loop shows what is written at :28",
    ),
    "the_only_row_that_is_new": (
        f"""
Profile.objects.all().delete()
{AUTHORS}
    Profile(author_id=author.pk, bio="new").save()
    told.append(author.profile.bio)
""",
        "read author.profile before save() at :25 makes it outdated",
    ),
    "a_row_by_a_generic_relation": (
        f"""
{ENTRIES}
    entry.remarks.model.objects.filter(object_id=entry.pk).update(topic="other")
    told.append(sorted(remark.topic for remark in entry.remarks.all()))
""",
        "read entry.remarks.all() before update() at :24 makes it outdated",
    ),
    "rows_of_a_generic_relation_that_go_to_a_later_turn": (
        f"""
heir = Entry.objects.order_by("pk").last()
{ENTRIES}
    for remark in entry.remarks.all():
        told.append(remark.topic)
        remark.object_id = heir.pk
        remark.save()
""",
        "no prefetch before the loop shows what is written at :28",
    ),
    "rows_of_a_list": (
        """
entries = list(Entry.objects.order_by("pk"))
for entry in entries:
    Author.objects.filter(pk=entry.author_id).update(rating=77)
    told.append(entry.author.rating)
""",
        "and read entry.author before update() at :25 makes it outdated",
    ),
    "one_row_that_changes": (
        f"""
{ENTRIES}
    Author.objects.filter(pk=entry.author_id).update(rating=77)
    told.append(entry.author.rating)
""",
        "read entry.author before update() at :24 makes it outdated",
    ),
}

#: Loops whose edit keeps what they do.
KEPT = {
    "rows_of_this_turn": f"""
{AUTHORS}
    for blog in author.blogs.all():
        blog.name += "x"
        blog.save(update_fields=["name"])
        told.append(blog.name)
""",
    "one_row_that_several_share": f"""
Entry.objects.update(author=Author.objects.first())
{ENTRIES}
    author = entry.author
    author.rating += 1
    author.save(update_fields=["rating"])
    told.append(author.rating)
""",
    "another_table": f"""
{AUTHORS}
    Note.objects.create(slug=f"note-{{author.pk}}")
    {BLOGS}
""",
    "rows_that_no_row_leads_to": f"""
{ENTRIES}
    Author.objects.create(name="new", slug=f"new-{{entry.pk}}", country_id=entry.author.country_id)
    told.append(entry.author.name)
""",
}


@pytest.mark.parametrize("name", OUTDATED)
def test_no_edit_reads_rows_as_they_were_before(name, tmp_path, monkeypatch) -> None:
    loop, words = OUTDATED[name]
    before, after = followed(tmp_path, monkeypatch, f"outdated_{name}", source(loop))
    assert after is None
    assert any(words in finding.advice.text for finding in before.findings)


@pytest.mark.parametrize("name", KEPT)
def test_what_the_loop_does_is_kept(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"kept_{name}", source(KEPT[name]))
    assert after is not None
    assert (after.result, after.stored) == (before.result, before.stored)
    assert after.queries < before.queries


#: What happens between the queryset of the parents and the loop.
SINCE = f"""
authors = list(Author.objects.order_by("pk"))
WRITE
{AUTHORS.replace('Author.objects.order_by("pk")', "authors")}
    {BLOGS}
"""


@pytest.mark.parametrize(
    "write",
    [
        'Blog.objects.create(name="new", owner=authors[0])',
        'Blog.objects.update(name="all")',
        "Blog.objects.first().delete()",
    ],
)
def test_what_is_written_before_the_loop_is_in_no_prefetch_of_its_rows(
    write, tmp_path, monkeypatch
) -> None:
    run = source(SINCE.replace("WRITE", write))
    before, after = followed(tmp_path, monkeypatch, f"since_{len(write)}", run)
    assert after is None
    assert before.findings[-1].advice.text.startswith(
        'load "blogs" right before the loop, with prefetch_related_objects(): the rows are written at '
    )


def test_what_the_loop_has_to_read_then_is_told_beside_it(tmp_path, monkeypatch) -> None:
    counted = 'told.append(author.blogs.filter(name="new").count())'
    loop = SINCE.replace("WRITE", 'Blog.objects.update(name="new")').replace(BLOGS, counted)
    before, after = followed(tmp_path, monkeypatch, "since_read", source(loop))
    assert after is None
    assert ', and read sum(1 for blog in author.blogs.all() if blog.name == "new"): the rows' in (
        before.findings[-1].advice.text
    )


@pytest.mark.parametrize("write", ['Note.objects.create(slug="new")', "Blog.objects.count()"])
def test_what_is_written_elsewhere_is_in_its_way_no_more_than_a_read(
    write, tmp_path, monkeypatch
) -> None:
    run = source(SINCE.replace("WRITE", write))
    before, after = followed(tmp_path, monkeypatch, f"kept_since_{len(write)}", run)
    assert after is not None
    assert (after.result, before.queries - after.queries) == (before.result, 2)


@pytest.mark.parametrize("name", ["a_row_that_changes", "one_row_that_changes"])
def test_rows_that_are_written_at_once_are_healthy(name, tmp_path, monkeypatch) -> None:
    """All rows are written before the loop reads them with its own."""
    loop = {
        "a_row_that_changes": f"""
Blog.objects.update(name="all")
{AUTHORS.replace("order_by", 'prefetch_related("blogs").order_by')}
    {BLOGS}
""",
        "one_row_that_changes": f"""
Author.objects.update(rating=77)
{ENTRIES.replace("order_by", 'select_related("author").order_by')}
    told.append(entry.author.rating)
""",
    }[name]
    before, _ = followed(tmp_path, monkeypatch, f"healthy_{name}", source(loop), rounds=0)
    assert before.findings == ()
