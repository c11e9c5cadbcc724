"""One tool in a process of its own, measuring when it is told to.

Reads one request a line from standard input and answers with one line of JSON:
``prove`` (what it says of a known N+1, switched on and switched off), ``rounds CASE N``
(paired nanoseconds), ``memory``, ``versions``.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import database
import tools
from harness import compare_rounds
from memory import held_by, tracing

PROVEN_PARENTS = 20
MEASURED_QUERIES = 5_000
MEASURED_ROWS = 20_000


class Worker:
    """The tool, its database, and the work it can be timed at."""

    def __init__(self, tool: tools.Tool) -> None:
        self.tool = tool
        database.configure(tool.apps, tool.settings)
        database.fill()
        tool.load()
        import workloads

        self._workloads = workloads
        self._work: dict[str, tuple[Callable[..., int], Callable[[], object]]] = {
            "raw": (tools.timed_scope, workloads.raw_loop),
            "get": (tools.timed_scope, workloads.get_loop),
            "lazy": (tools.timed_scope, workloads.lazy_loop),
            "deep": (tools.timed_scope, workloads.deep_calls()),
            "whole": (tools.timed_whole, workloads.lazy_loop),
            "load": (tools.timed_scope, partial(workloads.load, workloads.LOAD_SLICE)),
        }
        gc.collect()
        gc.freeze()

    def answer(self, request: str) -> Any:
        """The answer to one line."""
        verb, *arguments = request.split()
        return getattr(self, verb)(*arguments)

    def versions(self) -> dict[str, str]:
        """What runs here."""
        import platform
        from importlib.metadata import PackageNotFoundError, version

        found = {"python": platform.python_version(), "django": version("django")}
        try:
            found["tool"] = version(self.tool.package)
        except PackageNotFoundError:
            found["tool"] = "checkout"
        return found

    def prove(self) -> dict[str, list[str]]:
        """What the tool says of twenty foreign keys read in a loop, on and off."""
        work = partial(self._workloads.lazy_loop, PROVEN_PARENTS)
        self.tool.switch(True)
        on = self.tool.prove(work)
        if not self.tool.can_be_off:
            return {"on": on, "off": []}
        self.tool.switch(False)
        return {"on": on, "off": self.tool.prove(work)}

    def rounds(self, case: str, count: str) -> dict[str, list[int]]:
        """Nanoseconds of the no-op wrapper and of the tool, ``count`` times in turn."""
        timed, work = self._work[case]
        result = compare_rounds(
            partial(tools.timed_noop, self.tool, work), partial(timed, self.tool, work), int(count)
        )
        return {"baseline": result.baseline, "variant": result.variant}

    def memory(self) -> dict[str, float]:
        """Bytes kept in an open scope for each query, and for each row that was dropped."""
        self.tool.switch(True)
        with tracing() as allocated, self.tool.scope():
            self._workloads.raw_loop(10)
            self._workloads.load(10)
            queries = held_by(partial(self._workloads.raw_loop, MEASURED_QUERIES), allocated)
            rows = held_by(partial(self._workloads.load, MEASURED_ROWS), allocated)
        return {
            "query": queries.dropped / MEASURED_QUERIES,
            "row": rows.dropped / MEASURED_ROWS,
        }


def main() -> None:
    """Answer until the input ends."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # a tool that prints must not garble the answers
    worker = Worker(tools.TOOLS[sys.argv[1]]())
    for request in sys.stdin:
        print(json.dumps(worker.answer(request)), file=answers, flush=True)


if __name__ == "__main__":
    main()
