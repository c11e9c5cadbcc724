"""The data of a pattern: n of everything, every child with a parent of its own."""

from __future__ import annotations

import datetime as dt
import uuid
from itertools import chain

from django.contrib.contenttypes.models import ContentType
from django.db import connections

from tests.corpus import models as m

FIRST_DAY = dt.date(2024, 1, 1)

#: Keys are given, far from those that the database gives to the rows that patterns create.
FIRST_KEY = 1_000_001

_recorded = {}


def populate(n: int, using: str = "default") -> None:
    """Fill the database ``using`` with data of size ``n``, in one statement a model.

    The statements are made once, and sent again whenever the same data is wanted.
    """
    connection = connections[using]
    # A flushed database gives its content types new keys.
    types = ContentType.objects.db_manager(using).get_for_models(m.Entry, m.Author)
    key = n, using, connection.settings_dict["NAME"], *(each.pk for each in types.values())
    if key in _recorded:
        with connection.cursor() as cursor:
            for sql, params in _recorded[key]:
                cursor.execute(sql, params)
        return
    statements = []

    def record(execute, sql, params, many, context):
        if sql.startswith(("INSERT", "UPDATE")):
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        _create_all(n, types, using)
    _recorded[key] = statements


def _create_all(n, types, using):
    numbers = range(n)

    def create(objects):
        rows = list(objects)
        for key, row in enumerate(rows, start=FIRST_KEY):
            row.pk = row.pk or key
        return type(rows[0])._default_manager.using(using).bulk_create(rows)

    countries = create(m.Country(code=f"c{i:02}", name=f"Country {i}") for i in numbers)
    authors = create(
        m.Author(name=f"Author {i}", slug=f"a{i}", rating=i + 1, country=countries[i])
        for i in numbers
    )
    for i, author in enumerate(authors):
        author.mentor = authors[(i + 1) % n]
    m.Author.objects.using(using).bulk_update(authors, ["mentor"])
    create(
        m.Author.friends.through(from_author=author, to_author=author.mentor) for author in authors
    )
    create(m.Profile(author=author, bio=f"Bio of {author.slug}") for author in authors)
    create(m.Badge(author=author) for author in authors[::2])
    blogs = create(m.Blog(name=f"Blog {i}", owner=authors[i]) for i in numbers)
    tags = create(m.Tag(name=f"Tag {i}") for i in numbers)
    categories = create(_categories(n))
    entries = create(
        m.Entry(
            blog=blogs[i],
            author=authors[i],
            editor=authors[(i + 1) % n],
            category=categories[i % 2],
            headline=f"Headline {i}",
            slug=f"e{i}",
            body=f"The body of entry {i}",
            status="draft" if i % 2 else "live",
            rating=i,
            created=FIRST_DAY + dt.timedelta(days=i),
        )
        for i in numbers
    )
    create(
        m.Entry.tags.through(entry=entries[i], tag=tag)
        for i in numbers
        for tag in {tags[i], tags[(i + 1) % n]}
    )
    create(
        m.Chapter(entry=entry, number=number, title=f"{entry.headline}.{number}")
        for entry in entries
        for number in (1, 2)
    )
    create(m.City(name=f"City {i}", country=countries[i]) for i in numbers)
    create(m.Book(title=f"Book {i}", writer=authors[i]) for i in numbers)
    tickets = create(m.Ticket(subject=f"Ticket {i}") for i in numbers)
    create(m.Message(ticket=ticket, text=ticket.subject) for ticket in tickets)
    create(_remarks(entries, authors, types))
    _create_places(authors, create, using)
    create(m.Memo(created_by=author, text=author.slug) for author in authors)
    clubs = create(m.Club(name=f"Club {i}") for i in numbers)
    create(m.Membership(club=clubs[i], member=authors[i]) for i in numbers)
    create(m.Note(slug=f"n{i}", text="") for i in numbers)
    create(m.Option(name=name, value=f"light {name}") for name in ("colour", "size", "font"))


def _categories(n):
    """A tree of n nodes below the root "tree", and n + 1 links below the root "chain"."""
    tree = [_category("tree")]
    for i in range(1, n + 1):
        tree.append(_category(f"tree-{i}", parent=tree[(i - 1) // 2]))
    links = [_category("chain")]
    for i in range(1, n + 2):
        links.append(_category("leaf" if i == n + 1 else f"chain-{i}", parent=links[-1]))
    return tree + links


def _category(slug, parent=None):
    return m.Category(id=uuid.uuid5(uuid.NAMESPACE_OID, slug), slug=slug, parent=parent)


def _remarks(entries, authors, types):
    def remark(target, topic):
        return m.Remark(content_type=types[type(target)], object_id=target.pk, topic=topic)

    mixed = chain.from_iterable(zip(entries, authors, strict=True))
    return [
        *(remark(entry, "entries") for entry in entries),
        *(remark(target, "mixed") for target in mixed),
    ]


def _create_places(authors, create, using):
    places = create(m.Place(name=f"Place {i}", owner=author) for i, author in enumerate(authors))
    # bulk_create refuses multi-table inheritance: the children's own table is filled below it.
    restaurants = [
        m.Restaurant(place_ptr=place, name=place.name, serves="soup", cook=place.owner)
        for place in places
    ]
    fields = [m.Restaurant._meta.get_field(name) for name in ("place_ptr", "serves", "cook")]
    m.Restaurant.objects.using(using)._insert(restaurants, fields, using=using)
    create(m.Review(place=place, stars=i) for i, place in enumerate(places))
    create(
        m.Stay(place=place, guest=place.owner, nights=nights)
        for i, place in enumerate(places)
        for nights in (i + 1, None)
    )
