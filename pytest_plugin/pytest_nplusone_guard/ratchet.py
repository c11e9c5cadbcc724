"""The ratchet: findings and query counts held against what is recorded of them.

Imported when detection is on: it needs the core, though not Django.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

import pytest

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.files import Destination, why

if TYPE_CHECKING:
    from nplusone_guard import baseline, budget_file
    from nplusone_guard.analysis.findings import Finding
    from nplusone_guard.report.session import SessionFinding, SessionReport
    from pytest_nplusone_guard.options import Options

#: Stale entries that are named without ``-v``.
MAX_STALE: Final = 20
#: Columns of a line on what an update changes.
MAX_LINE: Final = 80


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
        if self.findings is None:
            return False
        entry = self.findings.entry_of(finding)
        if entry is None:
            return bool(self.options.baseline) and self.options.update in ("all", "new-only")
        return not entry.expired(self.today)

    def excess(self, test: str, count: int) -> str:
        """What to tell of a test that sends more queries than it may; else nothing."""
        if self.queries is None or self.options.update == "all" or test not in self.queries:
            return ""
        recorded = self.queries[test]
        limit = self.allowance.limit(recorded) if self.allowance is not None else recorded
        if count <= limit:
            return ""
        told = _excess(count, recorded, limit, self.options.budgets)
        return f"{told}\n @pytest.mark.max_queries({limit}) on the test shows which"

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
            compared = baseline.compare(self.findings, found, today=self.today, complete=complete)
            outcome.compared = compared
            outcome.stale = [each for each in compared.stale if each.test not in tests.unproven]
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
        stale = outcome.compared.stale if outcome.compared is not None else ()
        kept = [each for each in stale if each not in outcome.stale]
        new = baseline.Baseline((*new, *kept))
        baseline.save(self.options.baseline, new)
        outcome.written.append(f"{outcome.name}: {len(new):,} finding{'s' * (len(new) != 1)}")

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

    #: Queries of the tests that passed.
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
    stale: list[baseline.Entry] = field(default_factory=list)
    #: Tests that sent fewer queries than recorded.
    lower: int = 0
    #: Tests without a record, and records of tests that are gone.
    unrecorded: int = 0
    gone: int = 0
    #: Tests that sent more than recorded, in words; where tests fail, they have told it.
    over: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

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

    def lines(self, *, strict: bool, verbose: bool) -> Iterator[str]:
        """The outcome in words."""
        if self.compared is not None:
            yield f" baseline {self.name}: {', '.join(self._counts())}"
            yield from self._expired()
            if not self.update:
                yield from self._stale(strict, verbose)
                yield from _renewable(len(self.compared.outdated))
        if self.update != "all":
            yield from (f" over budget  {each}" for each in self.over)
        if not self.update:
            yield from self._outdated()
        for written in self.written:
            yield f" written {written}"

    def _counts(self) -> Iterator[str]:
        compared = self.compared
        assert compared is not None
        yield f"{len(compared.known):,} known"
        yield f"{len(compared.new):,} new"
        if compared.expired:
            yield f"{len(compared.expired):,} expired"
        if self.stale:
            yield f"{len(self.stale):,} stale"

    def _outdated(self) -> Iterator[str]:
        """What an update of the budgets would change; nothing of it fails."""
        lower = f"{self.lower:,} test{'s' * (self.lower > 1)} below the record"
        facts = [("tightens it", lower)] if self.lower else []
        facts += (
            [(f"adds {_them(self.unrecorded)}", f"{self.unrecorded:,} new")]
            if self.unrecorded
            else []
        )
        facts += [(f"drops {_them(self.gone)}", f"{self.gone:,} gone")] if self.gone else []
        if facts:
            does = facts[0][0] if len(facts) == 1 else "records all"
            told = f" budgets: {', '.join(fact for _, fact in facts)}"
            remedy = f"--nplusone-update-baseline {does}"
            yield from _in_width(told, remedy)

    def _expired(self) -> Iterator[str]:
        for _, entry in self.compared.expired if self.compared is not None else ():
            yield f"   expired {entry.until}  {_told(entry)}"

    def _stale(self, strict: bool, verbose: bool) -> Iterator[str]:
        shown = self.stale if verbose else self.stale[:MAX_STALE]
        for entry in shown:
            yield f"   stale  {_told(entry)}"
        more = len(self.stale) - len(shown)
        if more:
            yield f"   and {more:,} more"
        if self.stale:
            fails = ", which fails" if strict else ""
            yield f"   no longer found{fails}; --nplusone-update-baseline=prune removes them"


def _renewable(count: int) -> Iterator[str]:
    if count:
        goes = "goes by an id" if count == 1 else "go by ids"
        told = f"   {count:,} {goes} of an earlier release"
        yield from _in_width(told, f"--nplusone-update-baseline renews {_them(count)}")


def _in_width(told: str, remedy: str) -> Iterator[str]:
    """Both on one line, or the remedy on a line below."""
    line = f"{told}; {remedy}"
    indent = len(told) - len(told.lstrip()) + 2
    yield from [line] if len(line) <= MAX_LINE else [told, f"{' ' * indent}{remedy}"]


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _excess(count: int, recorded: int, limit: int, path: str) -> str:
    allowed = f", {limit:,} allowed" if limit > recorded else ""
    return f"{count:,} queries, {recorded:,} recorded in {os.path.basename(path)}{allowed}"


def _told(entry: baseline.Entry) -> str:
    return f"{entry.rule}  {entry.file} {entry.function}  [{entry.id}]"


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
