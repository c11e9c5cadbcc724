"""Methods of querysets that hand on to what they override: they ask for nothing themselves.

A module of its own, for the patterns' lines are counted where the user asks.
"""

from django.db import models


class CountingQuerySet(models.QuerySet):
    """Does something of its own each time that Django asks it for rows."""

    def _fetch_all(self):
        super()._fetch_all()
        self.fetched = len(self._result_cache)

    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)
