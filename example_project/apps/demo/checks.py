"""The 15 checks of the performance report (chapter 9), made real.

The report's own script looked whether code is there. Each check here runs something, and says
what it saw: ``code`` is the variant that is checked, the report's own (``claimed``) or the cure
(``fixed``).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.paginator import UnorderedObjectListWarning
from django.db import DatabaseError, connection, models
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from apps.demo.measuring import measure
from apps.demo.paging_gains import PATH
from apps.demo.patterns import PATTERNS, Asked, Pattern
from apps.demo.plans import indexes_of
from apps.journal.windows import Window
from apps.peoples.models import People

#: Tenants in the report's example, and the queries it promises for them.
TENANTS, QUERIES = 20, 2
#: App, the migration before, the migration that the report adds.
MIGRATIONS = (
    ("attendance", "0030", "0031_add_tracking_performance_indexes"),
    ("journal", "0015", "0016_optimize_entry_indexes"),
)
MOST = 100
BAD = ("page=abc", "page=0", "page=-1", "page=", "page_size=abc", "page_size=0", "page_size=-5")


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was checked, whether it holds, and what was seen."""

    category: str
    title: str
    passed: bool
    evidence: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run_checks(code: str) -> Iterator[Check]:
    """The checks in the order of the report, each run when it is asked for."""
    asked = Asked.of_stored()
    for pattern in PATTERNS:
        yield check_index(pattern, asked)
    for app, before, name in MIGRATIONS:
        yield check_migration(app, before, name)
    yield check_queries(code)
    for title, check in PAGING.items():
        passed, evidence = check(partial(ask, code))
        yield Check("Pagination", title, passed, evidence)


# --- indexes and their migrations --------------------------------------------------------


def check_index(pattern: Pattern, asked: Asked) -> Check:
    """The index is in the database, and the database uses it for the report's query."""
    there = pattern.index in index_names(pattern.model)
    used = indexes_of(pattern.query(asked))
    evidence = f"there, and the plan uses {', '.join(used) or 'no index'}"
    return Check(
        category=f"{pattern.model.__name__} indexes",
        title=f"{pattern.index} exists and is used",
        passed=there and pattern.index in used,
        evidence=evidence if there else "not in the database",
    )


def index_names(model: type[models.Model]) -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, model._meta.db_table))


def check_migration(app: str, before: str, name: str) -> Check:
    """The migration is applied, and going back and forth changes indexes and nothing else."""
    title = f"{app} {name} is applied and reversible"
    if (app, name) not in MigrationRecorder(connection).applied_migrations():
        return Check("Migrations", title, passed=False, evidence="not applied")
    first = _state(app)
    # Going back would fail half-way on some engines, and on others bring back what is to be found.
    if missing := _declared(app) - first[0]:
        evidence = f"not tried: {_listed(missing)} is missing"
        return Check("Migrations", title, passed=False, evidence=evidence)
    try:
        back = _back_and_forth(app, before)
    except (IrreversibleError, DatabaseError) as error:
        evidence = f"going back: {type(error).__name__}: {error}"
        return Check("Migrations", title, passed=False, evidence=evidence)
    again = _state(app)
    same_rows = first[1] == back[1] == again[1]
    changed = first[0] ^ back[0]
    return Check(
        category="Migrations",
        title=title,
        passed=same_rows and bool(changed) and first[0] <= again[0],
        evidence=f"back: {len(changed)} indexes differ, forth: {_compared(first[0], again[0])}; "
        f"{sum(first[1]):,} rows {'untouched' if same_rows else 'CHANGED'}",
    )


def _back_and_forth(app: str, before: str) -> State:
    """What ``_state`` was before the migration, which is applied again."""
    try:
        call_command("migrate", app, before, verbosity=0)
        return _state(app)
    finally:
        call_command("migrate", app, verbosity=0)


def _declared(app: str) -> frozenset[str]:
    """The names of the indexes that the models of ``app`` have by themselves."""
    found = apps.get_app_config(app).get_models()
    return frozenset(index.name for model in found for index in model._meta.indexes)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _compared(first: frozenset[str], again: frozenset[str]) -> str:
    if first - again:
        return f"MISSING {_listed(first - again)}"
    # MySQL and MariaDB drop the index of a foreign key by themselves once another serves it, and
    # Django makes it anew, to stay, before it drops that other.
    more = f", and {_listed(again - first)} stays" if again - first else ""
    return f"as before{more}"


#: The names of indexes, and how many rows each table holds.
State = tuple[frozenset[str], tuple[int, ...]]


def _state(app: str) -> State:
    """The names of all indexes of ``app``, and how many rows its tables hold."""
    found = list(apps.get_app_config(app).get_models())
    names = frozenset().union(*map(index_names, found))
    return names, tuple(model._default_manager.count() for model in found)


# --- queries -------------------------------------------------------------------------------


def check_queries(code: str) -> Check:
    """The wellness report of 20 tenants takes the two queries that the report promises."""
    run = measure(code, Window.ending(), TENANTS)
    found = ", ".join(finding.rule for finding in run.guard.findings) or "no loop found"
    return Check(
        category="N+1 queries",
        title=f"wellness report, {TENANTS} tenants: {QUERIES} queries",
        passed=run.queries == QUERIES and not run.guard.findings,
        evidence=f"{run.queries} queries; {found}",
    )


# --- pagination ----------------------------------------------------------------------------

Ask = Callable[[str], "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one address answered: its status, and its JSON (empty where there is none)."""

    status: int
    content: dict[str, Any]
    #: Whether Django warned that the rows it pages through have no order.
    unordered: bool

    @property
    def rows(self) -> int:
        return len(self.content.get("items", []))

    def seen(self, what: str) -> str:
        """``what``, unless there was no answer to see it in."""
        return what if self.status == HTTPStatus.OK else f"status {self.status}"


def ask(code: str, query: str) -> Answer:
    """The answer of the variant ``code``; an exception inside it is a 500, as for a browser."""
    client = Client(raise_request_exception=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnorderedObjectListWarning)
        got = client.get(f"{PATH}&variant={code}&{query}", headers={"host": "localhost"})
    is_json = got.headers["Content-Type"] == "application/json"
    return Answer(
        status=got.status_code,
        content=json.loads(got.content) if is_json else {},
        unordered=any(issubclass(one.category, UnorderedObjectListWarning) for one in caught),
    )


def check_page(ask: Ask) -> tuple[bool, str]:
    answer = ask("page=1&page_size=25")
    return answer.rows == 25, answer.seen(f"{answer.rows} rows")


def check_totals(ask: Ask) -> tuple[bool, str]:
    answer = ask("page=1&page_size=25")
    people = People.objects.filter(is_active=True).count()
    got = (answer.content.get("total_count"), answer.content.get("total_pages"))
    seen = f"{_number(got[0])} people on {_number(got[1])} pages, of {people:,}"
    return got == (people, -(-people // 25)), answer.seen(seen)


def check_order(ask: Ask) -> tuple[bool, str]:
    first = ask(f"page_size={MOST}")
    if first.unordered:
        return False, "the rows have no order; Django warns that pages may be inconsistent"
    pages = first.content.get("total_pages", 0)
    answers = [ask(f"page={page}&page_size={MOST}") for page in range(1, pages + 1)]
    keys = [row["id"] for answer in answers for row in answer.content.get("items", [])]
    once = len(keys) == len(set(keys)) == People.objects.filter(is_active=True).count()
    return once, first.seen(f"{len(set(keys)):,} people on {pages} pages, {len(keys):,} rows")


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "no"


def check_bad_values(ask: Ask) -> tuple[bool, str]:
    answers = {query: ask(query) for query in BAD}
    wrong = [
        f"{query}: {answer.status}"
        for query, answer in answers.items()
        if answer.status != HTTPStatus.BAD_REQUEST
    ]
    wrong += [
        f"{query}: no message"
        for query, answer in answers.items()
        if answer.status == HTTPStatus.BAD_REQUEST and not answer.content.get("error")
    ]
    return not wrong, "; ".join(wrong) or f"{len(BAD)} bad values, each 400 with a message"


def check_cap(ask: Ask) -> tuple[bool, str]:
    answer = ask("page_size=100000")
    capped = answer.status == HTTPStatus.OK and 0 < answer.rows <= MOST
    return capped, f"page_size=100000 gives {answer.seen(f'{answer.rows:,} rows')}"


def check_beyond(ask: Ask) -> tuple[bool, str]:
    answer = ask("page=99999")
    empty = answer.status == HTTPStatus.OK and answer.content.get("items") == []
    told = (answer.content.get("has_next"), answer.content.get("total_count"))
    right = empty and told == (False, People.objects.filter(is_active=True).count())
    if right:
        said = "no rows, and the right total"
    elif empty:
        said = "no rows, but a wrong total or a next page"
    else:
        said = "no empty page"
    return right, f"page=99999: {answer.status}, {said}"


PAGING: dict[str, Callable[[Ask], tuple[bool, str]]] = {
    "a page holds the rows asked for": check_page,
    "total_count and total_pages are right": check_totals,
    "each person is on exactly one page": check_order,
    "bad values are answered with 400 and a message": check_bad_values,
    f"page_size is capped at {MOST}": check_cap,
    "beyond the last page is an empty page": check_beyond,
}
