"""Small tables: parents, children that point at them, and two long ones to load."""

from __future__ import annotations

from django.db import models


class Author(models.Model):
    """A parent."""

    name = models.CharField(max_length=80)

    class Meta:
        app_label = "benchapp"


class Book(models.Model):
    """A child: reading ``book.author`` in a loop is the textbook N+1."""

    title = models.CharField(max_length=80)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)

    class Meta:
        app_label = "benchapp"


class Row(models.Model):
    """One of 100,000, loaded at once."""

    name = models.CharField(max_length=80)
    amount = models.IntegerField()
    active = models.BooleanField()

    class Meta:
        app_label = "benchapp"


class Leaf(models.Model):
    """One of 100,000 that have a parent, loaded with it."""

    author = models.ForeignKey(Author, on_delete=models.CASCADE)

    class Meta:
        app_label = "benchapp"
