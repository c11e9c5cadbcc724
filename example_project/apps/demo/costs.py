"""What the guard costs: the processor time of servers that answer the same requests in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from math import sqrt
from statistics import mean, median

from apps.demo.load import Load, Ratio, send
from apps.demo.servers import Server

#: Requests to each server in a block.
#:
#: In turns, because the same instructions take longer on a busy machine, and that falls on all
#: servers of so short a block alike. Not side by side: more processes than processors push
#: each other's code out of the caches, which no server that runs by itself has to bear.
BLOCK = 25
#: How well a median of ratios has to be known, or how many times the requests are sent instead.
PRECISION, MOST = 0.01, 4

#: A server, and where to note what it answers.
Pressed = tuple[Server, Load]


def compare_costs(
    servers: list[Pressed],
    twin: Server,
    path: str,
    requests: int,
    advance: Callable[[int], None] = lambda _done: None,
) -> None:
    """Send ``requests`` to each server and to ``twin``; note in each ``Load`` what one costs.

    Up to ``MOST`` times as many where the blocks differ by so much that these are too few.

    The first of ``servers`` has the guard off, and so has ``twin``. What one costs more than
    the other is an error of the measure: the others can be trusted no further than that.
    """
    if not twin.computed():
        return
    off = servers[0]
    pressed, blocks = [*servers, (twin, off[1])], []
    for _ in range(MOST):
        blocks += _blocks(pressed, path, requests, advance)
        for server, load in servers:
            load.processor_each = median(block[server.pid] for block in blocks)
            load.against_off = Ratio.of(
                [block[server.pid] / mean((block[off[0].pid], block[twin.pid])) for block in blocks]
            )
        off[1].against_off = Ratio.of([block[twin.pid] / block[off[0].pid] for block in blocks])
        if all(_is_known(load.against_off, len(blocks)) for _server, load in servers):
            return


def _is_known(ratio: Ratio, blocks: int) -> bool:
    """Whether the median lies within ``PRECISION``: by the notch of a box plot (McGill 1978)."""
    return 1.57 * (ratio.high - ratio.low) / sqrt(blocks) <= PRECISION


def _blocks(
    pressed: list[Pressed], path: str, requests: int, advance: Callable[[int], None]
) -> Iterator[dict[int, float]]:
    for left in range(requests, 0, -BLOCK):
        share = min(left, BLOCK)
        yield asyncio.run(_block(pressed, path, share))
        advance(share * len(pressed))
        pressed = pressed[1:] + pressed[:1]


async def _block(pressed: list[Pressed], path: str, requests: int) -> dict[int, float]:
    """Seconds that each server computed for one request, by its first process."""
    costs = {}
    for server, load in pressed:
        began = _seconds(server)
        await send(server, _aside(server, load), path, requests)
        costs[server.pid] = (_seconds(server) - began) / requests
    return costs


def _aside(server: Server, load: Load) -> Load:
    """Takes the times of a block, which are no response times under load, but not its errors.

    As many requests at once as the workers take, where that is a number. Where a worker takes
    all that come, in threads, one for all workers: threads that wait for each other burn time
    of their own, and with two at once equal servers were up to four per cent apart.
    """
    at_once = 1 if server.at_once is None else server.workers * server.at_once
    return Load(load.server, load.guard, at_once, errors=load.errors)


def _seconds(server: Server) -> float:
    return sum(server.computed().values())
