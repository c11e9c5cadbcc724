"""The frozen facts that an analysis of query loops ends in: findings, and what they consist of."""

from __future__ import annotations

from dataclasses import dataclass

from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.policy import Severity


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL shape that a loop sends, with its own call site."""

    rule: str
    #: ``SELECT wellness_people``: verb and main table.
    headline: str
    fingerprint: str
    database: str
    count: int
    failed: int
    #: Different parameter sets seen; counting stops at 64.
    distinct_params: int
    #: Seconds, all executions together.
    duration: float
    site: Site
    #: The ORM operation that sent it (``get``, ``filter``, ``lazy``, ``save`` …) or ``sql``.
    operation: str = "sql"
    #: ``app.Model`` that was read or written; empty for raw SQL.
    model: str = ""
    #: ``app.Model.field`` for a lazily read relation or deferred field.
    relation: str = ""
    #: The id of the finding once this statement is all that is left of its loop.
    id: str = ""
    #: What earlier releases called that.
    former_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the objects that a loop runs over were loaded."""

    model: str
    site: Site
    #: How many parents the loop touched, as far as the guard could count.
    parents: int
    #: The line that assigned the name the loop runs over, in the same function.
    assigned: Site | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One edit of the user's source.

    ``action`` is ``append`` (put ``new`` right after the expression ``old``), ``replace``
    (the expression or statement ``old`` becomes ``new``), ``insert-before`` or
    ``insert-after`` (the statements ``new`` go before or after the statement that starts
    on ``line``) or ``delete`` (drop the statement ``old``). ``old`` and ``new`` are source
    text, with white space as ``ast.unparse`` writes it; ``old`` is empty for inserts.
    """

    action: str
    file: str
    #: The line where ``old`` stands, or of the statement that ``new`` goes around.
    line: int
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Option:
    """One way to remove the loop."""

    #: ``select_related prefetch_related prefetch annotate in_bulk hoist fetch_mode …``.
    kind: str
    #: Where to change something: the origin queryset, or the loop.
    file: str
    line: int
    #: What to write there: ``.prefetch_related("people_set")``.
    expression: str
    #: What to read in the loop afterwards; empty where nothing changes there.
    read: str = ""
    #: The same as exact edits; empty where the source is not the user's or not at hand.
    steps: tuple[Step, ...] = ()
    #: Import lines the edits need: ``from django.db.models import Prefetch``.
    imports: tuple[str, ...] = ()
    #: Queries saved, of how many in the finding.
    saves: int = 0
    of: int = 0
    #: What is lost by it, in words: ``post_save of Entry (2 receivers), Entry.save()``.
    loses: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to change, in one sentence, how many queries that saves, and every way to do it."""

    text: str
    #: Queries saved, of how many in the finding.
    saves: int = 0
    of: int = 0
    #: The ways to remove the loop, the one that fits best first.
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One query loop: which SQL, how often, where, over which parents, and the fix."""

    rule: str
    severity: Severity
    #: ``20 × SELECT wellness_people in the loop at reports.py:41``.
    summary: str
    fingerprint: str
    statements: tuple[Statement, ...]
    count: int
    distinct_params: int
    #: Seconds in the database, all statements together.
    duration: float
    site: Site
    #: ``None`` for duplicates that are spread over a scope.
    loop: Site | None
    origin: Origin | None
    #: ``app.Model.field`` where the finding is about one relation or field.
    relation: str
    advice: Advice
    #: Stable over edits above the line and over growth of the data; alike on all engines.
    id: str
    #: All the sites of a ``duplicate-query`` outside a loop; else empty.
    also_at: tuple[Site, ...] = ()
    #: Ids that earlier releases gave it: baselines and ignores may still name them.
    former_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """All queries of one statement at one call site, repeated or not."""

    headline: str
    fingerprint: str
    database: str
    count: int
    failed: int
    duration: float
    site: Site


@dataclass(frozen=True, slots=True)
class EagerLoad:
    """A relation that one line loads with its objects, and whether anybody reads it.

    It takes all scopes of a session to tell: see ``SessionReport``.
    """

    #: ``select_related`` or ``prefetch_related``.
    method: str
    #: ``author__country``.
    lookup: str
    #: ``app.Model`` of the queryset.
    model: str
    #: Where the queryset was evaluated.
    site: Site
    #: Whether any object came with it; without one there was nothing to read.
    rows: bool
    read: bool
    #: Stable over edits above the line.
    id: str
    #: The scopes of a session that loaded it, by name.
    scopes: tuple[str, ...] = ()
