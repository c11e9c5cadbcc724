"""The loops whose advice takes a person, each with the reason."""

from __future__ import annotations

import sys

from django.db import models

BY_HAND: dict[str, str] = {
    "inheritance.parent_link_of_deferred_child": (
        "Django builds the parent from the fields of its child; what to load is the field that "
        "defer() leaves out, although it is not what the loop reads"
    ),
    "prefetching.read_behind_what_drops_the_prefetch": (
        "add() drops what was prefetched: whether it may be read before is for a person to say"
    ),
    "querysets.complex_condition_per_row": (
        "one condition joins two relations by OR: one prefetch cannot stand for it"
    ),
    "querysets.union_per_row": "two relations in one union, without a row that comes twice",
    "querysets.manager_method_per_row": (
        "a method of the manager asks by a key that it is given: its signature has to change"
    ),
    "raw.cursor_helper_per_row": "the SQL is written in one function and run by another",
    "writes.overridden_save_per_row": (
        "a save() of the model's own asks for each row: bulk_update() would skip it"
    ),
    "writes.save_with_signal_per_row": (
        "a receiver of post_save asks for each row: bulk_update() would skip it"
    ),
    "writes.signal_for_each_deleted_row": (
        "a receiver of post_delete asks for each row that delete() has found by itself"
    ),
    "shapes.row_by_row_to_the_end": (
        "the loop looks for the next row until there is none: iterating is another loop"
    ),
    "shapes.helper_twice_a_turn": (
        "one of the two objects was never saved, and so no query loads it with its author"
    ),
}

#: Without the columns of Python 3.11, a call inside of a loop's line is not told from the others.
WITHOUT_COLUMNS = frozenset(
    {
        "duplicates.option_helper_per_turn",
        "duplicates.cursor_with_the_same_parameters",
        "duplicates.total_per_turn",
    }
)

#: Those of ``BY_HAND`` that have an option all the same on some versions.
_APPLIES = {
    # The fetch modes of Django 6.1 need not know which fields the parent is built from.
    "inheritance.parent_link_of_deferred_child": hasattr(models, "FETCH_PEERS"),
}


def takes_a_person(name: str) -> bool:
    """Whether no option of the pattern removes its loop here."""
    if sys.version_info < (3, 11) and name in WITHOUT_COLUMNS:
        return True
    return name in BY_HAND and not _APPLIES.get(name, False)
