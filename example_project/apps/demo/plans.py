"""How a database carries a query out: its plan, the indexes in it, and the work it took."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

#: What ``Plan.work`` counts on each engine whose plans are read.
WORK = {"postgresql": "rows read", "sqlite": "VM steps"}


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one query that was run."""

    #: Its nodes from the result down to the table: ``Limit < Sort < Seq Scan``.
    nodes: str
    #: The names of the indexes in it.
    indexes: tuple[str, ...]
    #: Rows that the query answers with.
    rows: int
    #: Rows that PostgreSQL read from the table, or instructions of SQLite's virtual machine.
    work: int
    #: Pages of 8 KiB that PostgreSQL touched; ``None`` on SQLite, which does not say.
    buffers: int | None
    #: How long PostgreSQL says that it planned and ran; ``None`` on SQLite, which does not say.
    seconds: float | None = None

    @property
    def effort(self) -> str:
        """``756 rows read for 70 rows, 471 pages``."""
        pages = "" if self.buffers is None else f", {self.buffers:,} pages"
        return f"{self.work:,} {WORK[connection.vendor]} for {self.rows:,} rows{pages}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "nodes": self.nodes,
            "indexes": list(self.indexes),
            "rows": self.rows,
            "work": self.work,
            "buffers": self.buffers,
        }


def explain(query: QuerySet[Any]) -> Plan:
    """Run ``query`` and read its plan. Raises ``KeyError`` on other engines than those in ``WORK``."""
    return {"postgresql": _postgresql, "sqlite": _sqlite}[connection.vendor](query)


def indexes_of(query: QuerySet[Any]) -> tuple[str, ...]:
    """The names of the indexes that the database chooses for ``query``, on any engine."""
    if connection.vendor == "mysql":
        # Django hands on its JSON as a JSON string, so the quotes are escaped.
        return tuple(re.findall(r'"key\\": \\"(\w+)', query.explain(format="json")))
    return explain(query).indexes


def seconds(query: QuerySet[Any]) -> float:
    """How long the statement takes with all its rows, without making objects of them."""
    began = time.perf_counter()
    _fetch(query)
    return time.perf_counter() - began


def _fetch(query: QuerySet[Any]) -> int:
    """How many rows the statement gives."""
    sql, params = query.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return len(cursor.fetchall())


def _postgresql(query: QuerySet[Any]) -> Plan:
    # Without the times of single nodes: taking them would cost more than some of these queries.
    options = {"analyze": True, "buffers": True, "timing": False}
    (answer,) = json.loads(query.explain(format="json", **options))
    top = answer["Plan"]
    nodes = list(_nodes(top))
    return Plan(
        nodes=" < ".join(_node(node) for node in nodes),
        indexes=tuple(node["Index Name"] for node in nodes if "Index Name" in node),
        rows=round(top["Actual Rows"]),
        work=round(sum(map(_rows_read, nodes))),
        buffers=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        seconds=(answer["Planning Time"] + answer["Execution Time"]) / 1000,
    )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _node(node: dict[str, Any]) -> str:
    direction = " Backward" if node.get("Scan Direction") == "Backward" else ""
    index = f" {node['Index Name']}" if "Index Name" in node else ""
    return f"{node['Node Type']}{direction}{index}"


def _rows_read(node: dict[str, Any]) -> float:
    if "Relation Name" not in node:
        return 0
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return (node["Actual Rows"] + removed) * node["Actual Loops"]


def _sqlite(query: QuerySet[Any]) -> Plan:
    # The first line is the table; a sort comes after it.
    details = _query_plan(query)
    rows, steps = _steps(query)
    return Plan(
        nodes=" < ".join(reversed(details)),
        indexes=tuple(
            re.findall(r"(?:SEARCH|SCAN|INDEX) (\w+_idx|\w+_[0-9a-f]{8})", " ".join(details))
        ),
        rows=rows,
        work=steps,
        buffers=None,
    )


_unique = itertools.count()


def _query_plan(query: QuerySet[Any]) -> list[str]:
    sql, params = query.query.sql_with_params()
    with connection.cursor() as cursor:
        # A text of its own: the driver keeps prepared statements, and a prepared EXPLAIN goes on
        # telling the plan of an index that has been dropped since.
        cursor.execute(f"EXPLAIN QUERY PLAN {sql} /* {next(_unique)} */", params)
        details = [detail for *_numbers, detail in cursor.fetchall()]
    return [re.sub(r"^(SEARCH|SCAN) \w+ USING INDEX|^USE (?=TEMP)", r"\1", d) for d in details]


def _steps(query: QuerySet[Any]) -> tuple[int, int]:
    """Rows of the statement, and instructions of the virtual machine for them."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    connection.ensure_connection()
    connection.connection.set_progress_handler(count, 1)
    try:
        rows = _fetch(query)
    finally:
        connection.connection.set_progress_handler(None, 1)
    return rows, steps
