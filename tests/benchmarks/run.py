"""``make bench``: what the guard costs, against Django's own no-op execute wrapper.

Prints one line for each limit, and then the same work under four other tools. Takes
seven minutes, or one and a half with ``--quick``. The exit status is 0 unless
``--check`` is given and a limit is exceeded.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[2]))  # the guard, from this checkout

import database
import tools

#: Seconds for each case: full, quick. What has to be within 1 % takes longest.
SECONDS = {
    "noise": (12.0, 1.0),
    "idle": (25.0, 3.0),
    "raw": (8.0, 1.5),
    "get": (20.0, 3.0),
    "deep": (24.0, 3.0),
    "load": (25.0, 2.5),
    "prefetch": (15.0, 2.5),
    "growth": (0.0, 0.0),
    "fingerprint": (4.0, 1.0),
    "plugin": (0.0, 0.0),
    "suite": (0.0, 0.0),
}
PEER_SECONDS = (70.0, 4.0)


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    options = _options()
    started = time.monotonic()
    facts = _facts()
    print(_headline(facts))
    rows = _run_cases(options)
    peers = _run_peers(options)
    print(f"\n{time.monotonic() - started:.0f} s")
    if options.json:
        _write_json(options.json, facts, rows, peers)
    over = [row for row in rows if row.ok is False]
    return 1 if options.check and over else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: one and a half minutes")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit is exceeded")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there, too")
    parser.add_argument(
        "--case", action="append", choices=SECONDS, metavar="NAME", help=", ".join(SECONDS)
    )
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="measure other tools (default: yes, unless --case is given)",
    )
    parser.add_argument("--seconds", type=float, help="seconds for each case, in place of its own")
    return parser.parse_args()


def _facts() -> dict[str, Any]:
    import django

    return {
        "date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "django": django.get_version(),
        "sqlite": sqlite3.sqlite_version,
        "cores": os.cpu_count(),
    }


def _headline(facts: dict[str, Any]) -> str:
    return (
        f"Python {facts['python']}, Django {facts['django']}, SQLite {facts['sqlite']} in memory, "
        f"{facts['cores']} cores, {facts['date']}"
    )


def _run_cases(options: argparse.Namespace) -> list[Any]:
    guard = tools.Guard()
    database.configure(guard.apps, guard.settings)
    database.fill()
    guard.load()
    from cases import CASES, FULL, QUICK

    print(_awake(guard))
    gc.collect()
    gc.freeze()  # what was imported is no part of the collections between the rounds
    print(f"\n{'':39}{'limit':>11}{'measured':>12}  {'quartiles':13}")
    rows = []
    for name in options.case or CASES:
        seconds = options.seconds or SECONDS[name][options.quick]
        rows += _show(CASES[name](guard, seconds, QUICK if options.quick else FULL))
    return rows


def _awake(guard: tools.Guard) -> str:
    """What the guard says of a known N+1; figures of one that is asleep are worth nothing."""
    import workloads

    guard.switch(True)
    found = guard.prove(lambda: workloads.lazy_loop(20))
    if not found:
        raise SystemExit("The guard reports nothing of 20 foreign keys read in a loop.")
    return f"Awake: {found[0]}"[:79]


def _show(rows: Iterable[Any]) -> list[Any]:
    shown = []
    for row in rows:
        verdict = {None: "", True: "ok", False: "OVER"}[row.ok]
        print(f"{row.label:39}{row.limit:>11}{row.measured:>12}  {row.spread:13}{verdict}".rstrip())
        sys.stdout.flush()
        shown.append(row)
    return shown


def _run_peers(options: argparse.Namespace) -> dict[str, Any]:
    if not (options.peers if options.peers is not None else not options.case):
        return {}
    import peers

    return peers.measure(options.seconds or PEER_SECONDS[options.quick])


def _write_json(
    path: Path, facts: dict[str, Any], rows: list[Any], peer_figures: dict[str, Any]
) -> None:
    data = {**facts, "rows": [asdict(row) for row in rows], "peers": peer_figures}
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
