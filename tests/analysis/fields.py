"""Loops over fields, as products have them that compare or copy any model."""

from __future__ import annotations

from tests.corpus.models import Author, Entry


def values_of(row, fields):
    """Of one object each relation once."""
    return [getattr(row, field) for field in fields]


def declared_values_of(row):
    return [getattr(row, field.name) for field in row._meta.get_fields() if field.many_to_one]


def authors_of(row, fields):
    """A query for each field that is given, whatever it is called."""
    return [Author.objects.get(pk=getattr(row, f"{field}_id")) for field in fields]


def values_of_all(fields):
    return [values_of(row, fields) for row in Entry.objects.order_by("pk")]


def rows_of(row, fields):
    return [list(getattr(row, field).all()) for field in fields]


def tags_for(row, fields):
    """The same rows again for each field."""
    return [(field, list(row.tags.all())) for field in fields]
