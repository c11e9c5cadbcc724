"""The ratchet: findings and query counts held against what is recorded of them.

Imported when detection is on: it needs the core, though not Django.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.files import Destination, why

if TYPE_CHECKING:
    from nplusone_guard import baseline, budget_file
    from nplusone_guard.analysis.findings import Finding
    from nplusone_guard.report.session import SessionFinding, SessionReport
    from pytest_nplusone_guard.options import Options


@dataclass(slots=True)
class Ratchet:
    """The recorded findings and counts of one run, and what may go beyond them."""

    options: Options
    base_dir: str
    findings: baseline.Baseline | None = None
    queries: dict[str, int] | None = None
    allowance: budget_file.Allowance | None = None
    #: Files that are not there, by name.
    missing: list[str] = field(default_factory=list)
    today: datetime.date = field(default_factory=datetime.date.today)

    # ── each test ─────────────────────────────────────────────────────────────────────

    def passes(self, finding: Finding) -> bool:
        """Whether ``finding`` is known, or is going to be."""
        if self._entry_of(finding) is None:
            return bool(self.options.baseline) and self.options.update in ("all", "new-only")
        return self.is_known(finding)

    def is_known(self, finding: Finding) -> bool:
        """Whether an entry has ``finding`` whose last day is not over."""
        entry = self._entry_of(finding)
        return entry is not None and not entry.expired(self.today)

    def _entry_of(self, finding: Finding) -> baseline.Entry | None:
        return self.findings.entry_of(finding) if self.findings is not None else None

    def expiries(self, findings: Iterable[Finding], width: int) -> Iterator[str]:
        """Of findings that fail although they are recorded: since when, and what was to come."""
        from nplusone_guard.report.opening import opening

        name = os.path.basename(self.options.baseline)
        for finding in findings:
            entry = self._entry_of(finding)
            if entry is not None and entry.expired(self.today):
                told = f"[{finding.id}] was known until {entry.until}", f"says {name}"
                yield from (f" {row}" for row in opening((told, (entry.reason,)), width - 1))

    def excess(self, test: str, count: int, *, fills: int = 0, served: int = 0) -> str:
        """What to tell of a test that sends more queries than it may; else nothing.

        Beside the ``count``, ``fills`` are queries that filled a cache of the process, and
        ``served`` those of requests to a live server.
        """
        if self.queries is None or self.options.update == "all" or test not in self.queries:
            return ""
        recorded = self.queries[test]
        limit = self.allowance.limit(recorded) if self.allowance is not None else recorded
        if count <= limit:
            return ""
        told = _excess(count, recorded, limit, self.options.budgets)
        told += f"; {fills:,} more filled a cache" if fills else ""
        told += f"; {served:,} more for a live server" if served else ""
        return (
            f"{told}\n @pytest.mark.max_queries({limit}) on the test shows which; if they are meant,"
            "\n --nplusone-update-baseline records them"
        )

    # ── after all tests ───────────────────────────────────────────────────────────────

    def judge(
        self, session: SessionReport, judged: Collection[str], tests: Tests, *, complete: bool
    ) -> Outcome:
        """Hold everything that was found against the record, and bring it up to date."""
        found = [entry for entry in session if entry.finding.id in judged]
        outcome = Outcome(update=self.options.update)
        if self.findings is not None:
            from nplusone_guard import baseline

            outcome.name = os.path.basename(self.options.baseline)
            outcome.aside = len(session) - len(found)
            # Of a shard nobody expects it: those that are joined tell it.
            waits = self.options.strict and not (self.options.shard or self.options.update)
            outcome.unjudged = waits and not complete and bool(self.findings)
            outcome.compared = baseline.compare(
                self.findings,
                found,
                today=self.today,
                complete=complete,
                unproven=tests.unproven,
            )
            if self.options.update:
                self._update_findings(found, outcome, complete)
        if self.queries is not None:
            self._judge_queries(self.queries, tests, outcome, complete)
        return outcome

    def _update_findings(
        self, found: Iterable[SessionFinding], outcome: Outcome, complete: bool
    ) -> None:
        from nplusone_guard import baseline

        old = self.findings or baseline.Baseline()
        mode = cast("baseline.UpdateMode", self.options.update)
        new = baseline.update(old, found, mode, base_dir=self.base_dir, complete=complete)
        # What only was not proven to be gone stays.
        kept = outcome.compared.unproven if outcome.compared is not None else ()
        new = baseline.Baseline((*new, *kept))
        baseline.save(self.options.baseline, new)
        told = f"{outcome.name}: {len(new):,} finding{'s' * (len(new) != 1)}"
        in_vain = mode == "prune" and not complete
        outcome.written.append(told + "; none dropped, for not all tests ran" * in_vain)

    def _judge_queries(
        self, recorded: dict[str, int], tests: Tests, outcome: Outcome, complete: bool
    ) -> None:
        from nplusone_guard import budget_file

        allowance = self.allowance or budget_file.Allowance()
        compared = budget_file.compare(recorded, tests.counts, allowance, complete=complete)
        outcome.lower = len(compared.lower)
        # Where there is no record at all, that is told already.
        outcome.unrecorded = len(compared.new) if recorded else 0
        outcome.gone = len([test for test in compared.stale if test not in tests.unproven])
        outcome.over = [
            f"{each.test}: " + _excess(each.count, each.recorded, each.limit, self.options.budgets)
            for each in compared.exceeded
        ]
        if self.options.update:
            self._update_queries(recorded, tests, outcome, complete)

    def _update_queries(
        self, recorded: dict[str, int], tests: Tests, outcome: Outcome, complete: bool
    ) -> None:
        from nplusone_guard import budget_file

        mode = cast("baseline.UpdateMode", self.options.update)
        # A test that failed, or was skipped, is not gone: its record stays.
        kept = {test: count for test, count in recorded.items() if test in tests.unproven}
        new = kept | budget_file.update(recorded, tests.counts, mode, complete=complete)
        budget_file.save(self.options.budgets, new)
        name = os.path.basename(self.options.budgets)
        outcome.written.append(f"{name}: {len(new):,} test{'s' * (len(new) != 1)}")


@dataclass(slots=True)
class Tests:
    """What became of the tests."""

    #: Queries of the tests that passed, without those that filled a cache of the process.
    counts: Mapping[str, int]
    #: Tests that did not run to their end, so that what they do is not known.
    unproven: Collection[str]

    __test__ = False


@dataclass(slots=True)
class Outcome:
    """A run held against the record."""

    update: str = ""
    name: str = ""
    compared: baseline.Comparison | None = None
    #: Findings that are not held to the baseline: warnings, and those of tests marked "report".
    aside: int = 0
    #: Whether stale entries would fail, but not all tests ran.
    unjudged: bool = False
    #: Tests that sent fewer queries than recorded.
    lower: int = 0
    #: Tests without a record, and records of tests that are gone.
    unrecorded: int = 0
    gone: int = 0
    #: Tests that sent more than recorded, in words; where tests fail, they have told it.
    over: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def stale(self) -> tuple[baseline.Entry, ...]:
        """Entries that nothing was found for."""
        return self.compared.stale if self.compared is not None else ()

    @property
    def known(self) -> frozenset[str]:
        """The ids of findings that pass because they are recorded."""
        known = self.compared.known if self.compared is not None else ()
        return frozenset(each.finding.id for each in known)

    @property
    def recorded(self) -> frozenset[str]:
        """The ids of new findings that the update has written down."""
        writes = self.compared is not None and self.update in ("all", "new-only")
        new = self.compared.new if self.compared is not None and writes else ()
        return frozenset(each.finding.id for each in new)

    def lines(self, *, strict: bool, verbose: bool, width: int = 80) -> Iterator[str]:
        """The outcome in words, within ``width`` columns."""
        if self.compared is not None or self.over:
            from nplusone_guard import standing
        if self.compared is not None:
            yield from standing.lines(
                self.compared,
                self.name,
                strict=strict,
                verbose=verbose,
                updated=bool(self.update),
                aside=self.aside,
                width=width,
            )
        if self.unjudged:
            yield "   stale entries are not judged: not all tests ran"
        if self.update != "all":
            for each in self.over:
                yield from standing.rows(f" over budget  {each}", width)
        if not self.update:
            yield from self._outdated()
        for written in self.written:
            yield f" written {written}"

    def _outdated(self) -> Iterator[str]:
        """What an update of the budgets would change; nothing of it fails."""
        if not (self.lower or self.unrecorded or self.gone):
            return  # as in any run without budgets, which need not load the words
        from nplusone_guard import standing

        lower = f"{self.lower:,} test{'s' * (self.lower > 1)} below the record"
        facts = [("tightens it", lower)] if self.lower else []
        facts += (
            [(f"adds {standing.them(self.unrecorded)}", f"{self.unrecorded:,} new")]
            if self.unrecorded
            else []
        )
        facts += [(f"drops {standing.them(self.gone)}", f"{self.gone:,} gone")] if self.gone else []
        does = facts[0][0] if len(facts) == 1 else "records all"
        told = f" budgets: {', '.join(fact for _, fact in facts)}"
        yield from standing.in_width(told, f"--nplusone-update-baseline {does}")


def _excess(count: int, recorded: int, limit: int, path: str) -> str:
    allowed = f", {limit:,} allowed" if limit > recorded else ""
    queries = "query" if count == 1 else "queries"
    return f"{count:,} {queries}, {recorded:,} recorded in {os.path.basename(path)}{allowed}"


def load(options: Options, base_dir: str) -> Ratchet:
    """Read the recorded files. Raises ``UsageError`` for one that is wrong, or not there in CI."""
    ratchet = Ratchet(options, base_dir)
    if not (options.allow or options.baseline or options.budgets):
        return ratchet
    from nplusone_guard import baseline, budget_file

    try:
        if options.allow:
            ratchet.allowance = budget_file.parse_allowance(
                options.allow, options.place_of("allow")
            )
        if options.baseline:
            there = _is_there(ratchet, options.place_of("baseline"), options.baseline)
            ratchet.findings = baseline.load(options.baseline) if there else baseline.Baseline()
        if options.budgets:
            there = _is_there(ratchet, options.place_of("budgets"), options.budgets)
            ratchet.queries = budget_file.load(options.budgets) if there else {}
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
    return ratchet


def _is_there(ratchet: Ratchet, option: str, path: str) -> bool:
    there = os.path.exists(path)
    if ratchet.options.update:
        check_writable(option, path)
    elif not there and os.environ.get("CI", "").lower() in ("1", "true"):
        raise pytest.UsageError(
            f"{option}: {path} does not exist. Write it with --nplusone-update-baseline, and "
            "commit it."
        )
    elif not there:
        name = os.path.basename(path)
        ratchet.missing.append(f"{name} does not exist; --nplusone-update-baseline writes it")
    return there


def check_writable(option: str, path: str) -> None:
    """Raise ``UsageError`` now for a file that could not be written when all is done."""
    try:
        Destination(path).check()
    except OSError as error:
        raise pytest.UsageError(f"{option}: {path} cannot be written: {why(error)}") from error
