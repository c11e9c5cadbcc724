"""Transactions that leave no rows behind: all databases are as they were, whatever ran inside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

from asgiref.sync import sync_to_async

from nplusone_guard.budgets import attach


@contextmanager
def undone() -> Iterator[None]:
    """Whatever runs in here is rolled back, in every database that the test may use."""
    __tracebackhide__ = True
    with transactions():
        yield


@asynccontextmanager
async def aopened(opening: Callable[[], ExitStack]) -> AsyncIterator[None]:
    """As ``with opening():``, in the thread that async queries are sent from."""
    __tracebackhide__ = True
    opened = await sync_to_async(opening)()
    try:
        yield
    finally:
        await sync_to_async(opened.close)()


def transactions() -> ExitStack:
    """A transaction or savepoint on every database that can be reached; to be closed."""
    __tracebackhide__ = True
    from django.db import connections

    attach()
    refused: list[BaseException] = []
    with ExitStack() as opened:
        for alias in connections:
            error = _begin(alias, opened)
            refused += [error] if error is not None else []
        # A test need not be able to reach every database, but one.
        if len(refused) == len(list(connections)):
            raise refused[0]
        return opened.pop_all()


def _begin(alias: str, opened: ExitStack) -> BaseException | None:
    """Open what ``opened`` rolls back; or return why this database cannot be used."""
    __tracebackhide__ = True
    from django.db import OperationalError, transaction
    from django.test.testcases import DatabaseOperationForbidden  # type: ignore[attr-defined]

    atomic: Any = transaction.atomic(using=alias)
    # As Django's own TestCase does, so that durable blocks may run inside.
    atomic._from_testcase = True  # noqa: SLF001
    try:
        atomic.__enter__()
    except (DatabaseOperationForbidden, OperationalError) as error:
        return error
    opened.callback(_roll_back, alias, atomic)
    return None


def _roll_back(alias: str, atomic: Any) -> None:
    from django.db import transaction

    if transaction.get_connection(alias).in_atomic_block:
        transaction.set_rollback(True, using=alias)
    atomic.__exit__(None, None, None)
