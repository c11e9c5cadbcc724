"""One level of a statement while it is read: between parentheses, or CASE and END."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

from nplusone_guard.capture.sql_values import InList

#: What stands for a value in a list where another entry has a placeholder; a quoted
#: name is found first, so that none is looked for inside it.
_CONSTANT = re.compile(r'("[^"]*"|`[^`]*`)|\b(?:NULL|DEFAULT|TRUE|FALSE)\b')
#: In terms that ask for more, or for less, than the rows of one key.
_NOT_A_KEY = re.compile(
    r"[<>!~]|\b(?:NOT|LIKE|ILIKE|IN|BETWEEN|REGEXP|RLIKE|GLOB|MATCH|SIMILAR)\b", re.IGNORECASE
)


class Frame:
    """What has been read of one level.

    A level is a list of items between commas: ``items`` are complete, ``pieces`` are of
    the current one, and ``segment`` is where its current clause begins (an OR chain
    reaches back that far), with the placeholders and literals before it.
    """

    __slots__ = (
        "arm_at",
        "arms",
        "bare_rows",
        "before",
        "branches",
        "call",
        "expect",
        "in_from",
        "is_row",
        "items",
        "listed",
        "literals",
        "negated",
        "opener",
        "ors",
        "params",
        "parent",
        "pieces",
        "plain",
        "row_at",
        "row_comma",
        "rows",
        "segment",
        "segment_literals",
        "segment_params",
        "table_at",
        "verb",
        "with_names",
    )

    def __init__(
        self, opener: str, before: str, parent: Frame | None, params: int, literals: int
    ) -> None:
        self.opener = opener
        #: The piece before the opening; ``(`` if there is none.
        self.before = before
        self.parent = parent
        #: Placeholders and literals of the whole text before this level.
        self.params = self.segment_params = params
        self.literals = self.segment_literals = literals
        self.segment = 0
        self.items: list[str] = []
        self.pieces: list[str] = []
        #: The pieces ``OR`` of this segment by index, each with the placeholders before it.
        self.ors: list[tuple[int, int]] | None = None
        #: Texts of the VALUES rows, the piece for them, and whether a comma came after it.
        self.rows: list[str] | None = None
        self.row_at = -1
        self.row_comma = False
        #: This level is such a row.
        self.is_row = False
        #: Texts of the WHEN arms, and the piece at which the current one begins.
        self.arms: list[str] | None = None
        self.arm_at = 0
        #: Texts that end before UNION, INTERSECT or EXCEPT.
        self.branches: list[str] | None = None
        #: How many of them read no table.
        self.bare_rows = 0
        self.verb = ""
        #: As what the next name is a table: ``from``, ``into`` or ``with``.
        self.expect = ""
        self.in_from = False
        self.with_names = False
        #: The piece of the latest table in a FROM; a parenthesis makes it a function.
        self.table_at = -1
        #: An IN list or an array: entries alike are one.
        self.listed = False
        #: The arguments of a function.
        self.call = False
        self.negated = False
        #: Neither AND nor a clause inside: the parentheses may be superfluous.
        self.plain = True

    def text(self) -> str:
        """Everything read so far, joined and used up."""
        last = self.branch()
        if self.branches is not None:
            last = " ".join(_folded_unions([*self.branches, last]))
            self.branches = None
        return last

    def branch(self) -> str:
        """The text since the latest UNION, used up."""
        last = self.join()
        if not self.items:
            return last
        items, self.items = [*self.items, last], []
        texts = alike(items) if self.listed else items
        return ", ".join(texts) if texts[-1] else ", ".join(texts)[:-1]

    def join(self) -> str:
        """The text of the current item, and a fresh start for the next one."""
        if self.rows is not None:
            self.close_rows()
        if self.arms is not None:
            self.close_arms()
        pieces, self.pieces = self.pieces, []
        self.row_at = self.table_at = -1
        return " ".join(pieces)

    def close_rows(self) -> None:
        """Fold the VALUES rows into their piece."""
        self.pieces[self.row_at] = ", ".join(alike(self.rows or []))
        self.rows, self.row_at, self.row_comma = None, -1, False

    def next_arm(self) -> None:
        """Set the current WHEN arm aside, and begin another."""
        if self.arms is None:
            self.arms = []
        else:
            self.arms.append(" ".join(self.pieces[self.arm_at :]))
            del self.pieces[self.arm_at :]
        self.arm_at = len(self.pieces)

    def close_arms(self) -> int:
        """Fold the WHEN arms of a CASE into one piece; return how many there were."""
        if self.arms is None:
            return 0
        self.next_arm()
        arms, self.arms = self.arms, None
        self.pieces.append(" ".join(alike(arms)))
        return len(arms)

    def fold_chain(self, params: int, literals: list[str]) -> list[InList]:
        """Fold equal terms of the OR chain that ends here; return those that are keys."""
        ors, self.ors = self.ors or [], None
        starts = [(self.segment - 1, self.segment_params), *ors, (len(self.pieces), params)]
        terms = [
            (tuple(self.pieces[at + 1 : until]), before, after)
            for (at, before), (until, after) in pairwise(starts)
        ]
        kept = list(dict.fromkeys([term for term, _, _ in terms]))
        if len(kept) > 1:
            self.plain = False
        if len(kept) == len(terms):
            return []
        del self.pieces[self.segment :]
        for number, term in enumerate(kept):
            self.pieces += ["OR", *term] if number else term
        return _keys(terms, hash(tuple(literals[self.segment_literals :])), self.negated)


def _keys(
    terms: list[tuple[tuple[str, ...], int, int]], digest: int, negated: bool
) -> list[InList]:
    """The runs of equal terms that compare a key: ``id = ? OR id = ?``."""
    found = []
    for pieces, run in groupby(terms, key=lambda term: term[0]):
        text, members = " ".join(pieces), list(run)
        keyed = " = " in text and "?" in text and not _NOT_A_KEY.search(text)
        if keyed and not negated and len(members) > 1:
            first, width = members[0][1], members[-1][2] - members[0][1]
            found.append(InList(first if width else None, len(members), width, digest))
    return found


def alike(texts: list[str]) -> list[str]:
    """Each of ``texts`` once. A constant is like a placeholder in the same place."""
    kept = list(dict.fromkeys(texts))
    if len(kept) == 1:
        return kept
    by_form: dict[str, str] = {}
    for text in kept:
        form = _CONSTANT.sub(_as_placeholder, text)
        by_form[form] = form if form in by_form else text
    return list(by_form.values())


def _as_placeholder(found: re.Match[str]) -> str:
    return found[1] or "?"


def _folded_unions(branches: list[str]) -> list[str]:
    """UNIONs of bare rows, as Oracle inserts them, are rows of one list: alike is one."""
    kept = branches[:1]
    for branch in branches[1:]:
        repeats = branch == kept[-1] or _repeats(branch, kept[-1])
        if not (repeats and is_bare_row(branch)):
            kept.append(branch)
    return kept


def _repeats(branch: str, first: str) -> bool:
    return branch.startswith("UNION") and branch.endswith(f" {first}")


def is_bare_row(branch: str) -> bool:
    """Whether a SELECT reads no table: it is a row of values."""
    return " FROM " not in branch or branch.endswith(" FROM DUAL")
