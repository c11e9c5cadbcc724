"""The claims of the performance report, each beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from apps.demo.comparison import Compared
from apps.demo.growth import Grown
from apps.demo.load import Load
from apps.demo.load_runs import LIMIT, is_noisy
from apps.demo.survey import Survey
from apps.demo.text import duration
from apps.demo.verdicts import Verdict

#: The report's limits for its load test (6.3).
P95_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of the summary; all but the verdict in words, as they are shown."""

    claim: str
    said: str
    before: str
    after: str
    verdict: Verdict

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def claims(compared: list[Compared], survey: Survey) -> list[Claim]:
    """Every claim that was measured, in the order of the report."""
    return [
        *_indexes(survey),
        *_wellness(compared),
        *_growth(survey.growth),
        *_paging(survey),
        *_load(survey),
        *_checks(survey),
    ]


def _indexes(survey: Survey) -> Iterator[Claim]:
    for gain in survey.gains:
        if gain.pattern.said:
            yield Claim(
                claim=f"index: {gain.pattern.title}",
                said="{}-{} % faster".format(*gain.pattern.said),
                before=duration(gain.before.seconds),
                after=duration(gain.after.seconds),
                verdict=gain.verdict,
            )


def _wellness(compared: list[Compared]) -> Iterator[Claim]:
    before, claimed, fixed = (one.run.queries for one in compared)
    tenants = len(compared[0].run.wellness.tenants)
    said = f"{compared[0].said} -> {compared[1].said}"
    for what, after in (("reported", claimed), ("cured", fixed)):
        yield Claim(
            claim=f"queries at {tenants:,}, {what}",
            said=said,
            before=f"{before:,}",
            after=f"{after:,}",
            verdict=_fewer(before, after, compared[1].said or 0),
        )


def _fewer(before: int, after: int, said: int) -> Verdict:
    if after > before:
        return Verdict.WORSE
    return Verdict.HOLDS if after <= said else Verdict.FAILS


def _growth(growth: list[Grown]) -> Iterator[Claim]:
    if not growth:
        return
    size = max(run.tenants for run in growth)
    runs = {(run.via, run.variant): run for run in growth if run.tenants == size}
    first = growth[0].via
    rows = [(first, "claimed", f"queries at {size:,}, reported")]
    rows += [(first, "fixed", f"queries at {size:,}, cured")]
    rows += [("task", "claimed", f"Celery, {size:,}, reported")]
    rows += [("task", "fixed", f"Celery, {size:,}, cured")]
    for via, variant, claim in rows:
        if (via, variant) not in runs:
            continue
        before, after = runs[via, "before"], runs[via, variant]
        yield Claim(
            claim=claim,
            said="2",
            before=f"{before.queries:,}",
            after=f"{after.queries:,}",
            verdict=_fewer(before.queries, after.queries, 2),
        )


def _paging(survey: Survey) -> Iterator[Claim]:
    if not survey.answers:
        return
    before, after = survey.answers["before"], survey.answers["fixed"]
    yield Claim(
        "loadPeoples, rows", "5,000 -> 25", f"{before.rows:,}", f"{after.rows:,}",
        _reduced(before.rows, after.rows, 99.5),
    )  # fmt: skip
    yield Claim(
        "loadPeoples, transfer", "5 MB -> 25 kB", size(before.bytes), size(after.bytes),
        _reduced(before.bytes, after.bytes, 99.5),
    )  # fmt: skip
    if before.memory is not None and after.memory is not None:
        yield Claim(
            "loadPeoples, memory", "100 -> 0.5 MB",
            f"{before.memory:.1f} MiB", f"{after.memory:.1f} MiB",
            _reduced(before.memory, after.memory, 99.5),
        )  # fmt: skip
    yield Claim(
        "loadPeoples, time", "90-95 % faster", duration(before.seconds), duration(after.seconds),
        _reduced(before.seconds, after.seconds, 90),
    )  # fmt: skip


def _reduced(before: float, after: float, said: float) -> Verdict:
    """Whether ``after`` is less than ``before`` by as many per cent as said, rounded as said."""
    if after >= before:
        return Verdict.NO_GAIN
    return Verdict.HOLDS if round(100 * (1 - after / before), 1) >= said else Verdict.LESS


def _load(survey: Survey) -> Iterator[Claim]:
    if not survey.loads:
        return
    off, *others = survey.loads
    errors = sum(len(load.errors) for load in survey.loads)
    requests = sum(load.requests for load in survey.loads)
    slow = others[0].percentile(95)
    yield Claim(
        f"{off.at_once} at once, p95, guard on", "< 500 ms",
        duration(off.percentile(95)), duration(slow),
        Verdict.HOLDS if slow < P95_SECONDS else Verdict.FAILS,
    )  # fmt: skip
    yield Claim(
        f"{requests:,} requests, errors", "0", "-", f"{errors:,}",
        Verdict.FAILS if errors else Verdict.HOLDS,
    )  # fmt: skip
    for load in others:
        if load.against_off is not None:
            yield Claim(
                f"guard off and {load.guard}, CPU", f"<= {LIMIT}x, ours",
                duration(off.processor_each or 0), duration(load.processor_each or 0),
                _affordable(load.against_off.median, off),
            )  # fmt: skip


def _affordable(ratio: float, off: Load) -> Verdict:
    if is_noisy(off):
        return Verdict.OPEN
    return Verdict.HOLDS if ratio <= LIMIT else Verdict.FAILS


def _checks(survey: Survey) -> Iterator[Claim]:
    if len(survey.checks) < 2:
        return
    reported, cured = (
        f"{sum(check.passed for check in checks)} of {len(checks)}"
        for checks in (survey.checks["claimed"], survey.checks["fixed"])
    )
    holds = all(check.passed for check in survey.checks["claimed"])
    yield Claim(
        "checks, reported and cured", "15 of 15", reported, cured,
        Verdict.HOLDS if holds else Verdict.FAILS,
    )  # fmt: skip


def size(count: int) -> str:
    """``577 kB``, in thousands of bytes as the report counts."""
    return f"{count / 1000:,.1f} kB" if count < 100_000 else f"{count / 1000:,.0f} kB"


HEAD = ("claim", "report said", "before", "after", "verdict")
WIDTHS = (28, 15, 10, 10)


def summary(lines: list[Claim]) -> str:
    """The summary as a table of at most 79 columns, as far as the figures fit theirs."""
    return _line(HEAD) + "".join(
        _line((one.claim, one.said, one.before, one.after, str(one.verdict))) for one in lines
    )


def _line(cells: tuple[str, ...]) -> str:
    fitted = "".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=False))
    return f"  {fitted}{cells[-1]}\n"
