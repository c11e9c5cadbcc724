"""The load test with the guard off, logging, and logging a sample: what it takes, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from apps.demo.costs import compare_costs
from apps.demo.load import Load, press, warm_up
from apps.demo.servers import Server, serving

#: The share of requests that the guard watches in the mode ``sampled``.
SAMPLE = 0.1
#: Each by its name: the guard's mode, and the share of requests that it watches.
MODES = {"off": ("off", 1.0), "log": ("log", 1.0), "sampled": ("log", SAMPLE)}
#: What the guard may cost: processor time a request, as a multiple of that with the guard off.
LIMIT = 1.05
#: How far a second server with the guard off may be from the first, for a verdict on the others.
NOISE = 0.02


def run_load(
    server: str,
    path: str,
    requests: int,
    at_once: int,
    workers: int,
    advance: Callable[[int], None],
) -> list[Load]:
    """One ``Load`` for each of ``MODES``; all servers run all the while.

    First all of them, and a second one with the guard off, answer as many requests in short
    turns, which gives the processor time: while none has been under load, since a server that
    was holds more memory and takes longer for each request. Then each in turn has the whole load,
    which gives the response times. ``advance`` is told of ``requests_in_all(requests)``.
    """
    with ExitStack() as stack:

        def start(name: str) -> Server:
            mode, sample = MODES[name]
            begun = serving(server, guard=mode, sample=sample, workers=workers)
            return stack.enter_context(begun)

        running = [(start(name), Load(server, name, at_once)) for name in MODES]
        twin = start("off")
        for started in (*(one for one, _load in running), twin):
            warm_up(started, path)
        compare_costs(running, twin, path, requests, advance)
        press(running, path, requests, advance)
    return [load for _server, load in running]


def requests_in_all(requests: int) -> int:
    """How many a load test sends at least that sends ``requests`` to each server."""
    return requests * (2 * len(MODES) + 1)


def is_noisy(off: Load) -> bool:
    """Whether two servers with the guard off differ by too much to judge the others."""
    return off.against_off is not None and abs(off.against_off.median - 1) > NOISE
