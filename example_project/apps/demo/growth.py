"""How the wellness report grows with the tenants: queries and time of each variant."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from io import StringIO
from threading import Event
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from apps.demo.measuring import measure
from apps.demo.worker import working
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


#: Queries and seconds of the report by a variant, over so many tenants.
Call = Callable[[str, int], tuple[int, float]]


@contextmanager
def as_task() -> Iterator[Call]:
    """Queries and seconds of the report as a Celery task, as the guard in the worker counts them."""
    with working() as worker:
        yield worker.report


WAYS: dict[str, Callable[[], AbstractContextManager[Call]]] = {
    "function": lambda: nullcontext(as_function),
    "task": as_task,
    "command": lambda: nullcontext(as_command),
}


def measure_all(
    sizes: Sequence[int], advance: Callable[[int], None], *, at_once: bool = False
) -> tuple[list[Grown], list[str]]:
    """The runs of each way that there is, and of each that there is not, why.

    With ``at_once`` the worker has its turn while this process has its own, once it has started:
    that is quicker, and as exact in all but the times.
    """
    started = Event()
    with ThreadPoolExecutor(1) as pool:
        ahead = [pool.submit(_measured, "task", sizes, _nobody, started)] if at_once else []
        if ahead:
            started.wait()
        found = {
            way: _measured(way, sizes, advance) for way in WAYS if not (ahead and way == "task")
        }
        for future in ahead:
            found["task"] = future.result()
            advance(len(found["task"][0]))
    runs = [run for way in WAYS for run in found[way][0]]
    return runs, [reason for way in WAYS for reason in found[way][1]]


def _nobody(_steps: int) -> None:
    """Tells nobody how far it is."""


def _measured(
    way: str,
    sizes: Sequence[int],
    advance: Callable[[int], None],
    started: Event | None = None,
) -> tuple[list[Grown], list[str]]:
    """The runs of one way, or why there are none; ``started`` is set after the first, or without."""
    started = started or Event()
    try:
        return list(measure_growth(sizes, way, advance, started)), []
    except CommandError as error:
        return [], [f"The wellness report as {way}: {error}"]
    finally:
        started.set()


def measure_growth(
    sizes: Iterable[int], way: str, advance: Callable[[int], None], started: Event
) -> Iterator[Grown]:
    """Each size and variant once, called in one of ``WAYS``, after one small run that warms up.

    Raises ``CommandError`` where the report cannot be called in that way here.
    """
    with WAYS[way]() as call:
        for variant in VARIANTS:
            call(variant, 1)
        started.set()
        for tenants in sizes:
            for variant in VARIANTS:
                yield Grown(way, variant, tenants, *call(variant, tenants))
                advance(1)
