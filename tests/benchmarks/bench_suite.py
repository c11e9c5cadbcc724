"""What the pytest plugin costs: loaded for nothing, and watching a suite of 500 tests.

Both are measured with whole pytest processes, the two ways in turn. ``python
tests/benchmarks/bench_suite.py --keep DIR`` leaves the suite in ``DIR`` and runs nothing;
``--only hollow`` watches the suite with a guard that captures nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import bench_library
import databases
from harness import Comparison, Spread

PLUGIN = "nplusone_guard"
TESTS = 500


@dataclass(frozen=True)
class Costs:
    """Two ways of running pytest, round by round: elapsed and processor time."""

    wall: Comparison = field(default_factory=lambda: Comparison([], []))
    cpu: Comparison = field(default_factory=lambda: Comparison([], []))

    def add(self, *, variant: bool, wall: int, cpu: int) -> None:
        """Note one run, in nanoseconds."""
        for comparison, taken in ((self.wall, wall), (self.cpu, cpu)):
            (comparison.variant if variant else comparison.baseline).append(taken)


class Pytest:
    """pytest in one directory, without the plugins that are not needed there."""

    def __init__(self, directory: Path, needed: Sequence[str] = ()) -> None:
        found = {each.name for each in entry_points(group="pytest11")}
        if PLUGIN not in found:
            raise SystemExit("pytest does not find the plugin: pip install -e .")
        others = sorted(found - {PLUGIN, *needed})
        off = [argument for name in ("cacheprovider", *others) for argument in ("-p", f"no:{name}")]
        self._command = [sys.executable, "-m", "pytest", "-q", *off]
        self._directory = directory

    def compare(self, baseline: Sequence[str], variant: Sequence[str], rounds: int) -> Costs:
        """Run pytest with both sets of arguments ``rounds`` times, the first changing."""
        costs = Costs()
        for arguments in (baseline, variant):  # fills the caches of bytecode
            self.run(arguments)
        for turn in range(rounds):
            for is_variant in (False, True) if turn % 2 == 0 else (True, False):
                wall, cpu = self.run(variant if is_variant else baseline)
                costs.add(variant=is_variant, wall=wall, cpu=cpu)
        return costs

    def run(self, arguments: Sequence[str]) -> tuple[int, int]:
        """Nanoseconds that one run took: elapsed, and of the processor."""
        # Where Python must not write bytecode, every run would compile everything anew.
        unwanted = ("PYTHONDONTWRITEBYTECODE", "DJANGO_SETTINGS_MODULE")
        environment = {name: os.environ[name] for name in os.environ if name not in unwanted}
        paths = [str(Path(__file__).resolve().parent), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # for ``-p hollow``
        start = time.perf_counter_ns()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [*self._command, *arguments],
                cwd=self._directory,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter_ns() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode not in (0, 5):
                output.seek(0)
                raise SystemExit(output.read().decode(errors="replace"))
        return wall, round((usage.ru_utime + usage.ru_stime) * 1e9)


def load(rounds: int) -> Costs:
    """An empty project is collected, without the plugin and with it, everything off."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        pytest = Pytest(Path(directory))
        return pytest.compare(["--collect-only", f"-pno:{PLUGIN}"], ["--collect-only"], rounds)


def watch(rounds: int, tests: int, engine: str = "sqlite", *, hollow: bool = False) -> Costs:
    """The library's tests are run, unwatched and with ``--nplusone=fail``."""
    with tempfile.TemporaryDirectory() as directory:
        database = databases.django_settings(engine, "postgres")
        bench_library.write(Path(directory), tests, database)
        pytest = Pytest(Path(directory), needed=["django"])
        watched = ["--create-db", "--nplusone=fail", *(["-phollow"] if hollow else [])]
        return pytest.compare(["--create-db"], watched, rounds)


def main() -> None:
    """Print both figures, each in elapsed and in processor time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", metavar="DIR", type=Path, help="write the suite there, and stop")
    parser.add_argument("--tests", type=int, default=TESTS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", choices=("load", "watch", "hollow"))
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    options = parser.parse_args()
    if options.rounds == 1:
        parser.error("argument --rounds: two are the fewest that have a spread")
    if options.keep:
        bench_library.write(options.keep, options.tests)
        return
    if options.only in {None, "load"}:
        costs = load(options.rounds or 41)
        for name, taken in (("wall", costs.wall), ("cpu", costs.cpu)):
            _show(f"load, {name}", taken.added_us(1).scaled(1 / 1_000), "ms")
    if options.only != "load":
        hollow = options.only == "hollow"
        costs = watch(options.rounds or 9, options.tests, options.database, hollow=hollow)
        for name, taken in (("wall", costs.wall), ("cpu", costs.cpu)):
            _show(f"{options.tests} tests, {name}", taken.ratio(), "x")


def _show(label: str, spread: Spread, unit: str) -> None:
    print(f"{label:20} {spread.median:8.3f} {unit}  {spread.low:.3f} to {spread.high:.3f}")


if __name__ == "__main__":
    main()
