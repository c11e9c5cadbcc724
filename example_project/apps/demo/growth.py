"""How the wellness report grows with the tenants: queries and time of each variant."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command

from apps.demo.measuring import measure
from apps.journal.windows import Window
from background_tasks.journal_wellness_tasks import VARIANTS

SIZES = (20, 200, 2_000)


@dataclass(frozen=True, slots=True)
class Grown:
    """One run: which variant, over how many tenants, called in which way, and what it took."""

    via: str
    variant: str
    tenants: int
    queries: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def as_function(variant: str, tenants: int) -> tuple[int, float]:
    """Queries and seconds of the report, called as a function."""
    run = measure(variant, Window.ending(), tenants)
    return run.queries, run.seconds


def as_command(variant: str, tenants: int) -> tuple[int, float]:
    """Queries of the report, and seconds of ``manage.py wellness_report`` from start to JSON."""
    out = StringIO()
    began = time.perf_counter()
    call_command("wellness_report", variant=variant, tenants=tenants, json=True, stdout=out)
    seconds = time.perf_counter() - began
    return json.loads(out.getvalue())["measured"]["queries"], seconds


WAYS: dict[str, Callable[[str, int], tuple[int, float]]] = {
    "function": as_function,
    "command": as_command,
}


def measure_growth(
    sizes: Iterable[int], ways: Iterable[str], advance: Callable[[int], None]
) -> list[Grown]:
    """Each way, size and variant once, after one small run of each that warms up."""
    runs = []
    for way in ways:
        for variant in VARIANTS:
            WAYS[way](variant, 1)
        for tenants in sizes:
            for variant in VARIANTS:
                runs.append(Grown(way, variant, tenants, *WAYS[way](variant, tenants)))
                advance(1)
    return runs
