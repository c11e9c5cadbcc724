"""The load test with the guard off and with the guard logging, on two servers in turns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from apps.demo.load import Load, press
from apps.demo.servers import serving

MODES = ("off", "log")


def run_load(
    server: str,
    path: str,
    requests: int,
    at_once: int,
    workers: int,
    advance: Callable[[int], None],
) -> list[Load]:
    """One ``Load`` for each of ``MODES``; both servers run all the while, one of them idle."""
    with ExitStack() as stack:
        running = []
        for mode in MODES:
            started = stack.enter_context(serving(server, guard=mode, workers=workers))
            running.append((started, Load(server, mode, at_once)))
        press(running, path, requests, advance)
    return [load for _server, load in running]
