"""``loadPeoples`` over HTTP, before and after: rows, bytes, memory and time of one request."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from apps.demo.servers import HOST, Server

PATH = "/api/y_helpdesk/?action=loadPeoples"
PAGE = "&page=1&page_size=25"
#: The page first: what it frees must not hide what the large answer takes.
PATHS = {"fixed": f"{PATH}{PAGE}", "before": f"{PATH}&variant=before"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One variant's answer: what came, and what it took."""

    variant: str
    rows: int
    total: int
    bytes: int
    #: Median, in seconds.
    seconds: float
    #: MiB by which the server's peak rose above what it held; ``None`` where nobody can say.
    memory: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_paging(server: Server, rounds: int) -> dict[str, Answer]:
    """Both variants, asked for in turn after a first request that warms up."""
    fetch(server, PATHS["fixed"])
    memory = {variant: _peak(server, path) for variant, path in PATHS.items()}
    times: dict[str, list[float]] = {variant: [] for variant in PATHS}
    bodies: dict[str, bytes] = {}
    for _ in range(rounds):
        for variant, path in PATHS.items():
            bodies[variant], seconds = fetch(server, path)
            times[variant].append(seconds)
    return {
        variant: _answer(variant, bodies[variant], times[variant], memory[variant])
        for variant in PATHS
    }


def fetch(server: Server, path: str) -> tuple[bytes, float]:
    """The body that ``path`` answers with, and the seconds that it took to come."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - began
    connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
    return body, seconds


def _peak(server: Server, path: str) -> float | None:
    held = server.memory()
    server.reset_peak()
    fetch(server, path)
    peak = server.peak()
    return None if held is None or peak is None else max(0.0, peak - held)


def _answer(variant: str, body: bytes, times: list[float], memory: float | None) -> Answer:
    content = json.loads(body)
    return Answer(
        variant=variant,
        rows=len(content["items"]),
        total=content["total_count"],
        bytes=len(body),
        seconds=median(times),
        memory=memory,
    )
