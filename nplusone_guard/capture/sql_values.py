"""The facts that are kept beside the shape of a statement."""

from __future__ import annotations

from typing import NamedTuple


class InList(NamedTuple):
    """One IN list, ``ANY(ARRAY[…])`` or chain of equal OR terms, with two terms or more.

    Lists under NOT are not kept: they ask for no rows.
    """

    #: Index of its first placeholder among all placeholders of the statement;
    #: ``None`` if it holds literals only.
    param: int | None
    #: Entries; rows for row lists.
    length: int
    #: Placeholders in all entries together: ``params[param:param + width]``.
    width: int
    #: Hash of the literals inside, to tell two lists of literals apart (in this process).
    digest: int


class Number(NamedTuple):
    """The operand of LIMIT or OFFSET: a number in the text, or a placeholder's index."""

    value: int | None
    param: int | None
