"""What a fingerprint costs: misses by kind of statement, hits, and sqlparse beside them.

Run it as ``python tests/benchmarks/bench_fingerprint.py [SECONDS]``. Each round times
every case once, in an order that moves on from round to round, in processor time of
this thread; printed are the median and the quartiles in microseconds.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import sqlparse

sys.path.insert(0, str(Path(__file__).parents[2]))

from nplusone_guard.capture.fingerprint import cached_fingerprint, fingerprint

ORM = (
    'SELECT "wellness_journalentry"."id", "wellness_journalentry"."author_id", '
    '"wellness_journalentry"."mood", "wellness_journalentry"."stress", "wellness_people"."id", '
    '"wellness_people"."full_name" FROM "wellness_journalentry" INNER JOIN "wellness_people" ON '
    '("wellness_journalentry"."author_id" = "wellness_people"."id") '
    'WHERE "wellness_journalentry"."id" = %s LIMIT 21'
)
RAW = (
    "select t.id, t.name, count(*) as n, sum(e.mood) from wellness_tenant t "
    "join wellness_people p on p.tenant_id = t.id left join wellness_journalentry e "
    "on e.author_id = p.id where t.id = 42 and p.active = 1 and e.created_at > '2024-01-01' "
    "and lower(p.email) like '%@example.org' group by t.id, t.name having count(*) > 3 "
    "order by t.name desc, t.id limit 10 offset 20"
)
IN_LIST = 'SELECT "t"."id", "t"."name" FROM "t" WHERE "t"."id" IN ({})'
ARM = 'WHEN ("t"."id" = %s) THEN %s'

#: By label: vendor, statement.
MISSES = {
    f"ORM join, {len(ORM)} characters": ("sqlite", ORM),
    "  the same for PostgreSQL": ("postgresql", ORM),
    "  the same for MySQL": ("mysql", ORM.replace('"', "`")),
    "  the same for Oracle": ("oracle", ORM),
    f"raw SQL, {len(RAW)} characters": ("sqlite", RAW),
    "get() by primary key": ("sqlite", 'SELECT "t"."id", "t"."a" FROM "t" WHERE "t"."id" = %s'),
    "IN list of 500 placeholders": ("sqlite", IN_LIST.format(", ".join(["%s"] * 500))),
    "IN list of 10,000 numbers": ("sqlite", IN_LIST.format(",".join(map(str, range(10_000))))),
    "IN list of 10,000 placeholders": ("sqlite", IN_LIST.format(", ".join(["?"] * 10_000))),
    "IN list of 10,000 strings": ("sqlite", IN_LIST.format(",".join(["'a'"] * 10_000))),
    "INSERT of 500 rows": (
        "sqlite",
        'INSERT INTO "t" ("a", "b", "c") VALUES ' + ", ".join(["(%s, %s, %s)"] * 500),
    ),
    "UPDATE of 500 CASE arms": ("sqlite", f'UPDATE "t" SET "a" = CASE {" ".join([ARM] * 500)} END'),
    "32 KiB of opening parentheses": ("sqlite", "(" * 32 * 1024),
    "savepoint": ("sqlite", 'SAVEPOINT "s140234_x1"'),
}


def main() -> None:
    """Measure for the seconds that the command line gives, and print."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else 20.0
    cases = dict(_cases())
    times: dict[str, list[float]] = {label: [] for label in cases}
    order = list(cases)
    gc.disable()
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(times[order[0]]) < 5:
        order.append(order.pop(0))
        for label in order:
            times[label].append(_microseconds(cases[label]))
    print(f"Python {sys.version.split()[0]}, {len(times[order[0]])} rounds, microseconds")
    for label in cases:
        low, median, high = statistics.quantiles(times[label], n=4, method="inclusive")
        print(f"  {label:<40}{median:>12.2f}   ({low:.2f} to {high:.2f})")


def _cases() -> list[tuple[str, Callable[[], object]]]:
    found: list[tuple[str, Callable[[], object]]] = [
        (label, lambda sql=sql, vendor=vendor: fingerprint(sql, vendor))
        for label, (vendor, sql) in MISSES.items()
    ]
    cached, numbers = cached_fingerprint("sqlite"), count()
    fresh = ORM.encode()
    found += [
        ("cached: hit, the same string", lambda: cached(ORM)),
        ("cached: hit, an equal new string", lambda: cached(fresh.decode())),
        (
            "cached: miss, get() with a literal",
            lambda: cached(f"SELECT a FROM t WHERE b = {next(numbers)}"),
        ),
        ("sqlparse.parse of the ORM join", lambda: sqlparse.parse(ORM)),
    ]
    return found


def _microseconds(work: Callable[[], object]) -> float:
    """One turn of ``work``, as the mean of as many as fill some 300 microseconds."""
    start = time.thread_time_ns()
    work()
    turns = max(1, min(1_000, 300_000 // max(time.thread_time_ns() - start, 1)))
    start = time.thread_time_ns()
    for _ in range(turns):
        work()
    return (time.thread_time_ns() - start) / turns / 1_000


if __name__ == "__main__":
    main()
