"""Budgets and proofs of growth as methods of a Django ``TestCase``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nplusone_guard.budgets import QueryBudget, attach
from nplusone_guard.growth import assert_constant_queries
from nplusone_guard.report.growth import Growth


class QueryAssertions:
    """A mixin: ``class ReportTests(QueryAssertions, TestCase)``."""

    def setUp(self) -> None:
        """Watch the connections of the thread that the tests run in."""
        attach()
        super().setUp()  # type: ignore[misc]

    def assertMaxQueries(  # noqa: N802 - named as Django's assertNumQueries
        self,
        allowed: int,
        *,
        using: str | Iterable[str] | None = None,
        exact: bool = False,
        info: str = "",
        transactions: bool = False,
        verbose: bool | None = None,
        width: int | None = None,
    ) -> QueryBudget:
        """``assert_max_queries``: ``with self.assertMaxQueries(5):``, ``async with`` alike."""
        __tracebackhide__ = True
        return QueryBudget(
            allowed,
            using=using,
            exact=exact,
            info=info,
            transactions=transactions,
            verbose=verbose,
            width=width,
        )

    def assertConstantQueries(  # noqa: N802 - as above
        self,
        populate: Any,
        run: Callable[[], Any],
        *,
        sizes: Sequence[int] = (2, 4),
        linear: float = 0,
        using: str | Iterable[str] | None = None,
        warm_up: bool = True,
        in_database: bool = True,
        info: str = "",
        verbose: bool | None = None,
        width: int | None = None,
    ) -> Growth:
        """``assert_constant_queries``: the queries of ``run`` do not grow with its rows."""
        __tracebackhide__ = True
        return assert_constant_queries(
            populate,
            run,
            sizes=sizes,
            linear=linear,
            using=using,
            warm_up=warm_up,
            in_database=in_database,
            info=info,
            verbose=verbose,
            width=width,
        )
