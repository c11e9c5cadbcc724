"""What each rule is about, for tools that list rules beside their findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RuleHelp:
    """One rule in a line, and in a paragraph that ends in what to do."""

    title: str
    help: str


RULES: Final[dict[str, RuleHelp]] = {
    "bypassed-prefetch": RuleHelp(
        "A prefetched relation is queried again in a loop",
        "The objects were loaded with prefetch_related(), but filter(), order_by(), first() or a "
        "query of the related model asks the database once more for each of them. Read "
        "relation.all(), or put the condition into Prefetch(queryset=…).",
    ),
    "lazy-relation": RuleHelp(
        "A relation is loaded for each object of a loop",
        "Each turn of the loop reads a relation that was not loaded with its objects, and so "
        "sends a query. Add select_related() (one object) or prefetch_related() (many) to the "
        "query that loads them.",
    ),
    "deferred-field": RuleHelp(
        "A deferred field is loaded for each object of a loop",
        "The objects were loaded with only() or defer(), and the loop reads a field that was "
        "left out. Load the field with the objects.",
    ),
    "query-in-loop": RuleHelp(
        "A query is sent in each turn of a loop",
        "filter(), get(), count(), exists() and the like ask the database once a turn. Ask once "
        "before the loop: by a prefetched reverse relation, in_bulk(), or annotate().",
    ),
    "raw-sql-in-loop": RuleHelp(
        "SQL is executed in each turn of a loop",
        "A cursor executes one statement a turn. Send one statement with IN or ANY, or use "
        "executemany().",
    ),
    "recursive-query": RuleHelp(
        "A query is sent in each step of a recursion",
        "A function that calls itself asks the database in each step. Load the whole tree at "
        "once, or use a recursive common table expression.",
    ),
    "write-in-loop": RuleHelp(
        "Rows are written one by one in a loop",
        "Each turn saves, creates, updates or deletes one row. Use bulk_create(), bulk_update(), "
        "or one update() or delete() of a queryset.",
    ),
    "duplicate-query": RuleHelp(
        "One query is sent again with the same parameters",
        "The database is asked the same question again although nothing was written in between. "
        "Ask once and keep the answer, in a variable or a cached_property.",
    ),
    "unused-eager-load": RuleHelp(
        "A relation is loaded with its objects and never read",
        "select_related() or prefetch_related() loads objects that nobody reads, in any request "
        "or test of the session. Drop it: it costs a join, or a query, and the memory.",
    ),
}
