"""Runs the load test on made-up servers, and prints what was sent to whom, and when, as JSON.

Run as a program, since the example project has modules of its own; ``test_costs`` reads it. No
server is started, nothing is sent, and no clock is read: each figure is one of those below.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "example_project"))

from apps.demo import costs, load_runs
from apps.demo.load import Load, Ratio
from apps.demo.servers import PROGRAMS, Server

REQUESTS = 4 * costs.BLOCK
#: What the guard costs in each block, as a multiple of the guard off; 1 in all that follow.
BLOCKS = {
    "steady": [],
    "steady from the second time on": [0.9, 1, 1, 1.1],
    "steady from the third time on": [0.9, 0.8, 1.1, 1.2],
    "never steady": [0.5, 1.5] * 100,
}
#: Distances of the quartiles, the number of blocks.
SPREADS = [(0.063, 100), (0.064, 100), (0.064, 101), (0.0, 1), (0.02, 4)]


class Scripted:
    """A server that computes one second a request, times what ``BLOCKS`` say."""

    def __init__(self, pid: int, ratios: list[float]) -> None:
        self.pid, self.workers, self.at_once = pid, 1, 1
        self.seconds, self.requests, self._ratios = 0.0, 0, iter(ratios)

    def computed(self) -> dict[int, float]:
        return {self.pid: self.seconds}

    def answer(self, requests: int) -> None:
        self.requests += requests
        self.seconds += requests * next(self._ratios, 1.0)


def sent(ratios: list[float]) -> dict[str, Any]:
    """The requests to each server until the costs were known, and those that were told."""

    async def answer(server: Any, _load: Load, _path: str, requests: int) -> None:
        server.answer(requests)

    costs.send = answer
    off, log, twin = Scripted(1, []), Scripted(2, ratios), Scripted(3, [])
    loads, told = [Load("made up", guard, 1) for guard in ("off", "log")], Counter[str]()
    costs.compare_costs(
        list(zip([off, log], loads, strict=True)),
        twin,
        "/",
        REQUESTS,
        lambda done: told.update(requests=done),
    )
    return {
        "times": [one.requests / REQUESTS for one in (off, log, twin)],
        "told": told["requests"] / REQUESTS,
        "median": loads[1].against_off.median,
    }


def at_once(name: str, workers: int) -> int:
    server = Server(0, 0, workers, PROGRAMS[name].at_once)
    return costs._aside(server, Load(name, "off", 100)).at_once


def order() -> list[str]:
    """What a load test does, step by step."""
    seen = []

    @contextmanager
    def serving(_server: str, *, guard: str, sample: float, workers: int) -> Iterator[Server]:
        seen.append("start")
        yield Server(0, 0, workers)
        seen.append("stop")

    load_runs.serving = serving
    load_runs.warm_up = lambda *_: seen.append("warm up")
    load_runs.compare_costs = lambda *_: seen.append("costs")
    load_runs.press = lambda *_: seen.append("load")
    load_runs.run_load("gunicorn", "/", 10, 1, 1, lambda _done: None)
    return seen


def main() -> None:
    found = {
        "known": [costs._is_known(Ratio(1, 1, 1 + spread), n) for spread, n in SPREADS],
        "sent": {name: sent(ratios) for name, ratios in BLOCKS.items()},
        "at once": {name: [at_once(name, workers) for workers in (1, 3)] for name in PROGRAMS},
        "order": order(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
