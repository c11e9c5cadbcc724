"""A load of requests, so many at once, as ``ab -n 1000 -c 100`` makes it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from apps.demo.servers import HOST, Server

#: Seconds after which a request has failed.
TIMEOUT = 30
#: Requests before those that count: several for each worker, which loads what it needs.
WARM_UP = 40


@dataclass(slots=True)
class Load:
    """What one server answered under load. Times are in seconds, memory in MiB."""

    server: str
    guard: str
    at_once: int
    #: Those of each turn.
    turns: list[list[float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: Of all its processes, after warming up and in the end.
    memory_before: float | None = None
    memory_after: float | None = None
    #: Seconds that its processes computed after warming up; ``None`` where nobody can say.
    processor: float | None = None

    @property
    def times(self) -> list[float]:
        return [time for turn in self.turns for time in turn]

    @property
    def requests(self) -> int:
        return len(self.times) + len(self.errors)

    @property
    def processor_each(self) -> float | None:
        """Seconds that the server computed for one request."""
        return None if self.processor is None else self.processor / (self.requests or 1)

    def slower_than(self, other: Load) -> float:
        """How many times the median of ``other`` its own is: the median over the turns.

        Turn by turn, as a machine that is busy elsewhere is so for both of a turn.
        """
        pairs = zip(self.turns, other.turns, strict=False)
        ratios = [median(ours) / median(theirs) for ours, theirs in pairs if ours and theirs]
        return median(ratios) if ratios else float("nan")

    def dearer_than(self, other: Load) -> float | None:
        """How many times the processor time of ``other`` a request takes."""
        ours, theirs = self.processor_each, other.processor_each
        return ours / theirs if ours and theirs else None

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
            "memory_before_mib": _rounded(self.memory_before),
            "memory_after_mib": _rounded(self.memory_after),
        }


def press(
    servers: list[tuple[Server, Load]],
    path: str,
    requests: int,
    advance: Callable[[int], None] = lambda _done: None,
) -> None:
    """Send ``requests`` for ``path`` to each server, in turns of two rounds of ``at_once``.

    Turns, because what else the machine does would otherwise fall on one server alone; and
    another server begins each of them.
    """
    for server, load in servers:
        asyncio.run(_turn(server, Load(load.server, load.guard, load.at_once), path, WARM_UP))
        load.memory_before = server.memory()
    began = [server.processor() for server, _load in servers]
    left = requests
    turn = deque(servers)
    while left:
        share = min(left, 2 * servers[0][1].at_once)
        for server, load in turn:
            asyncio.run(_turn(server, load, path, share))
            advance(share)
        turn.rotate(1)
        left -= share
    for (server, load), before in zip(servers, began, strict=True):
        load.memory_after = server.memory()
        after = server.processor()
        load.processor = None if before is None or after is None else after - before


async def _turn(server: Server, load: Load, path: str, requests: int) -> None:
    places = asyncio.Semaphore(load.at_once)
    load.turns.append([])

    async def one() -> None:
        async with places:
            began = time.perf_counter()
            try:
                await asyncio.wait_for(_get(server.port, path), TIMEOUT)
            except (OSError, ValueError, asyncio.TimeoutError) as error:
                load.errors.append(f"{type(error).__name__}: {error}")
            else:
                load.turns[-1].append(time.perf_counter() - began)

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
