"""The load test with the guard off, logging, and logging a sample: three servers in turns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from apps.demo.load import Load, press
from apps.demo.servers import serving

#: The share of requests that the guard watches in the mode ``sampled``.
SAMPLE = 0.1
#: Each by its name: the guard's mode, and the share of requests that it watches.
MODES = {"off": ("off", 1.0), "log": ("log", 1.0), "sampled": ("log", SAMPLE)}
#: What the guard may cost: processor time a request, as a multiple of that with the guard off.
LIMIT = 1.05


def run_load(
    server: str,
    path: str,
    requests: int,
    at_once: int,
    workers: int,
    advance: Callable[[int], None],
) -> list[Load]:
    """One ``Load`` for each of ``MODES``; all servers run all the while, all but one of them idle."""
    with ExitStack() as stack:
        running = []
        for name, (mode, sample) in MODES.items():
            started = stack.enter_context(
                serving(server, guard=mode, sample=sample, workers=workers)
            )
            running.append((started, Load(server, name, at_once)))
        press(running, path, requests, advance)
    return [load for _server, load in running]
