"""A load of requests, so many at once, as ``ab -n 1000 -c 100`` makes it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

from apps.demo.servers import HOST, Server

#: Seconds after which a request has failed.
TIMEOUT = 30
#: Requests for each worker before those that count, which loads what it needs; and how often
#: they are sent again as long as a worker had none.
WARM_UP, WARM_UP_ROUNDS = 20, 10
#: Seconds that a worker has computed if it was asked for anything.
BUSY = 0.005


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the processor time of something else was taken: the quartiles over blocks."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, ratios: list[float]) -> Ratio:
        low, middle, high = (ratios * 3)[:3] if len(ratios) < 2 else quantiles(ratios, n=4)
        return cls(low, middle, high)

    def __str__(self) -> str:
        return f"{self.median:.3f}x ({self.low:.3f}-{self.high:.3f})"


@dataclass(slots=True)
class Load:
    """What one server answered under load. Times are in seconds, memory in MiB."""

    server: str
    guard: str
    at_once: int
    #: Of each answer.
    times: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: Of all its processes, after warming up and in the end.
    memory_before: float | None = None
    memory_after: float | None = None
    #: Seconds that its processes computed for one request; ``None`` where nobody can say.
    processor_each: float | None = None
    #: Those against the guard off; of the guard off, those of a second such server against it,
    #: which is what the measure is good for.
    against_off: Ratio | None = None

    @property
    def requests(self) -> int:
        return len(self.times) + len(self.errors)

    def slower_than(self, other: Load) -> float:
        """How many times the median of ``other`` its own median is."""
        known = self.times and other.times
        return median(self.times) / median(other.times) if known else float("nan")

    def percentile(self, per_cent: int) -> float:
        """The time within which so many per cent of the answers came."""
        times = self.times
        if len(times) < 2:
            return times[0] if times else float("nan")
        return quantiles(times, n=100, method="inclusive")[per_cent - 1]

    def as_dict(self) -> dict[str, Any]:
        return {
            "server": self.server,
            "guard": self.guard,
            "requests": self.requests,
            "at_once": self.at_once,
            "errors": len(self.errors),
            "first_error": self.errors[0] if self.errors else None,
            **{f"p{n}_seconds": round(self.percentile(n), 6) for n in (50, 95, 99)},
            "processor_seconds_each": _rounded(self.processor_each, 6),
            "processor_against_off": None if self.against_off is None else asdict(self.against_off),
            "memory_before_mib": _rounded(self.memory_before),
            "memory_after_mib": _rounded(self.memory_after),
        }


def press(
    servers: list[tuple[Server, Load]],
    path: str,
    requests: int,
    advance: Callable[[int], None] = lambda _done: None,
) -> None:
    """Send ``requests`` for ``path`` to one server after the other, ``at_once`` at a time.

    All of them in one go, as ``ab`` does: where so many connections are opened at once, the
    worker that wakes first takes most of them, and in turns that would be so in each.
    """
    for server, load in servers:
        load.memory_before = server.memory()
        asyncio.run(send(server, load, path, requests, advance))
        load.memory_after = server.memory()


def warm_up(server: Server, path: str) -> None:
    """Ask for ``path`` until each worker has answered, as far as that can be seen."""
    began = server.computed()
    for _ in range(WARM_UP_ROUNDS):
        warmed = Load("", "", 2 * server.workers)
        asyncio.run(send(server, warmed, path, WARM_UP * server.workers))
        now = server.computed()
        busy = [pid for pid in now if now[pid] - began.get(pid, 0.0) > BUSY]
        if warmed.errors or not now or len(busy) >= server.workers:
            return


async def send(
    server: Server,
    load: Load,
    path: str,
    requests: int,
    advance: Callable[[int], None] = lambda _done: None,
) -> None:
    """Send ``requests``, ``load.at_once`` at a time, and note each answer in ``load``."""
    places = asyncio.Semaphore(load.at_once)

    async def one() -> None:
        async with places:
            began = time.perf_counter()
            try:
                await asyncio.wait_for(_get(server.port, path), TIMEOUT)
            except (OSError, ValueError, asyncio.TimeoutError) as error:
                load.errors.append(f"{type(error).__name__}: {error}")
            else:
                load.times.append(time.perf_counter() - began)
            advance(1)

    await asyncio.gather(*(one() for _ in range(requests)))


async def _get(port: int, path: str) -> None:
    """Ask for ``path``; ``ValueError`` for any answer but a whole one with status 200."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status = head.partition(b"\r\n")[0]
    if status.split()[1:2] != [b"200"] or not body:
        raise ValueError(status.decode(errors="replace") or "no answer")


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)
