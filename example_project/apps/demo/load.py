"""A load of requests, so many at once, as ``ab -n 1000 -c 100`` makes it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from apps.demo.servers import HOST, Server

#: Seconds after which a request has failed.
TIMEOUT = 30


@dataclass(slots=True)
class Load:
    """What one server answered under load. Times are in seconds, memory in MiB."""

    server: str
    guard: str
    at_once: int
    times: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: Of all its processes, after warming up and in the end.
    memory_before: float | None = None
    memory_after: float | None = None

    @property
    def requests(self) -> int:
        return len(self.times) + len(self.errors)

    def percentile(self, per_cent: int) -> float:
        """The time within which so many per cent of the answers came."""
        if len(self.times) < 2:
            return self.times[0] if self.times else float("nan")
        return quantiles(self.times, n=100, method="inclusive")[per_cent - 1]

    def as_dict(self) -> dict[str, Any]:
        return {
            "server": self.server,
            "guard": self.guard,
            "requests": self.requests,
            "at_once": self.at_once,
            "errors": len(self.errors),
            "first_error": self.errors[0] if self.errors else None,
            **{f"p{n}_seconds": round(self.percentile(n), 6) for n in (50, 95, 99)},
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

    Turns, because what else the machine does would otherwise fall on one server alone.
    """
    for server, load in servers:
        asyncio.run(_turn(server, Load(load.server, load.guard, load.at_once), path, load.at_once))
        load.memory_before = server.memory()
    left = requests
    while left:
        share = min(left, 2 * servers[0][1].at_once)
        for server, load in servers:
            asyncio.run(_turn(server, load, path, share))
            advance(share)
        left -= share
    for server, load in servers:
        load.memory_after = server.memory()


async def _turn(server: Server, load: Load, path: str, requests: int) -> None:
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


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
