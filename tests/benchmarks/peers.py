"""The same work under other tools: each in its own process, a few rounds of each in turn.

They live in ``.venv-peers``, made here when it is missing: none of them is a
dependency of this project, and two of them patch Django when they are imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Comparison
from tools import TOOLS
from workloads import RAW_QUERIES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / ".venv-peers"
REQUIREMENTS = HERE / "peers.txt"

ROUNDS_A_TURN = 4

Show = Callable[[Comparison], str]


def _times(result: Comparison) -> str:
    return f"{result.ratio().median:.2f}x"


def _added(result: Comparison) -> str:
    return f"{result.added_us(RAW_QUERIES).median:+.1f} us"


CASES: dict[str, tuple[str, Show]] = {
    "raw": ("raw cursor query", _added),
    "get": (".get() in a loop", _times),
    "lazy": ("foreign key in a loop", _times),
    "whole": ("  with closing, judging", _times),
    "deep": ("60 queries, 30 sites", _times),
    "load": ("load instances", _times),
}


class CannotMake(Exception):
    """The environment of the peers cannot be made; the message says why."""


class Peer:
    """A tool's process."""

    def __init__(self, python: Path, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [str(python), str(HERE / "peer_worker.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def ask(self, request: str) -> Any:
        """The answer to one request; raises ``EOFError`` if the process has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(request, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise EOFError(self.name) from None
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(self.name)
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def measure(seconds: float) -> dict[str, Any]:
    """Print the peers' table; returns its figures, or nothing if there can be none."""
    try:
        python = environment()
    except CannotMake as error:
        print(f"\nOther tools: skipped. {error}")
        return {}
    started = [Peer(python, name) for name in TOOLS]
    try:
        awake = [peer for peer in started if _introduce(peer)]
        return _table(awake, seconds)
    finally:
        for peer in started:
            peer.close()


def environment() -> Path:
    """The Python of ``.venv-peers``, which is made if it is missing or out of date."""
    python = VENV / "bin" / "python"
    stamp = VENV / ".made"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        print("\nOther tools: making .venv-peers …", flush=True)
        _run(sys.executable, "-m", "venv", "--clear", str(VENV))
        _run(str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS))
        stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        words = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise CannotMake(f"`{' '.join(command[1:4])}` failed: {words[-1]}") from error


def _introduce(peer: Peer) -> bool:
    """Print the tool's version and its proof of being awake; false if it has none."""
    try:
        versions, proof = peer.ask("versions"), peer.ask("prove")
    except EOFError:
        print(f"{TOOLS[peer.name].package}: does not run here")
        return False
    said = proof["on"][0] if proof["on"] else "nothing: it is left out"
    if proof["off"]:
        said = "it could not be switched off: it is left out"
    print(_introduction(peer.name, versions, said))
    return bool(proof["on"]) and not proof["off"]


def _introduction(name: str, versions: dict[str, str], said: str) -> str:
    if name == next(iter(TOOLS)):
        print(
            f"\nSide by side, Python {versions['python']}, Django {versions['django']}. "
            "What each says of 20 foreign\nkeys read in a loop:"
        )
    said = said.replace(str(HERE) + os.sep, "")
    return f"  {TOOLS[name].package} {versions['tool']}: {said}"[:79]


def _table(awake: list[Peer], seconds: float) -> dict[str, Any]:
    print(f"\n{'':25}" + "".join(f"{peer.name:>11}" for peer in awake))
    figures: dict[str, Any] = {peer.name: {} for peer in awake}
    for case, (label, show) in CASES.items():
        results = _interleaved(awake, case, seconds / len(CASES))
        _print_row(label, [show(results[peer.name]) for peer in awake])
        for name, result in results.items():
            figures[name][case] = vars(result.ratio())
    held = {peer.name: peer.ask("memory") for peer in awake}
    for key, label in (("query", "memory kept a query"), ("row", "memory kept a row")):
        _print_row(label, [f"{held[peer.name][key]:.0f} B" for peer in awake])
        for name, bytes_held in held.items():
            figures[name][f"bytes_{key}"] = bytes_held[key]
    return figures


def _interleaved(awake: list[Peer], case: str, seconds: float) -> dict[str, Comparison]:
    results = {peer.name: Comparison([], []) for peer in awake}
    for peer in awake:
        peer.ask(f"rounds {case} 1")  # warm up
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(results[awake[0].name].baseline) < ROUNDS_A_TURN:
        for peer in awake:
            times = peer.ask(f"rounds {case} {ROUNDS_A_TURN}")
            results[peer.name].baseline.extend(times["baseline"])
            results[peer.name].variant.extend(times["variant"])
    return results


def _print_row(label: str, cells: list[str]) -> None:
    print(f"{label:25}" + "".join(f"{cell:>11}" for cell in cells), flush=True)
