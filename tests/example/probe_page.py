"""Builds the summary and the page from figures made up for it, and prints both as JSON.

Run as a program with the example project's own settings; ``test_page`` reads it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import project  # sets Django up, before the models are imported

# isort: split
from apps.demo.checks import Check
from apps.demo.claims import claims, summary
from apps.demo.comparison import Compared, compare
from apps.demo.growth import Grown
from apps.demo.index_gains import IndexGain, Timed
from apps.demo.load import Load, Ratio
from apps.demo.management.commands.load_test import targets
from apps.demo.management.commands.measure_paging import SAID, less, row
from apps.demo.management.commands.measure_queries import describe
from apps.demo.measuring import measure_fairly
from apps.demo.page import render
from apps.demo.paging_gains import Answer
from apps.demo.patterns import PATTERNS
from apps.demo.plans import Plan
from apps.demo.survey import Survey
from apps.journal.windows import Window
from background_tasks.journal_wellness_tasks import VARIANTS


def full() -> Survey:
    gains = [
        IndexGain(
            pattern,
            Timed(Plan("Seq Scan <script>", (), 10, 50_000, None), 0.1, 0.1),
            Timed(Plan("Index Scan", (pattern.index,), 10, work, None), after, after),
        )
        for pattern, work, after in zip(
            PATTERNS,
            (10, 10, 10, 50_000, 60_000, 10),
            (0.04, 0.06, 0.2, 0.05, 0.05, 0.01),
            strict=True,
        )
    ]
    growth = [
        Grown(via, variant, tenants, queries, 0.5)
        for via in ("function", "task")
        for tenants in (20, 2_000)
        for variant, queries in (("before", tenants + 1), ("claimed", tenants + 2), ("fixed", 2))
    ]
    answers = {
        "before": Answer("before", 5_000, 5_000, 576_542, 0.1, 6.0),
        "fixed": Answer("fixed", 25, 5_000, 2_977, 0.02, 0.0),
    }
    checks = {
        code: [Check("Queries", "2 queries", passed, f"{queries} queries & <b>")]
        for code, passed, queries in (("claimed", False, 22), ("fixed", True, 2))
    }
    loads = [
        Load(
            "gunicorn",
            mode,
            10,
            [0.1, 0.2, slow],
            processor_each=took,
            against_off=Ratio(ratio - 0.02, ratio, ratio + 0.01),
        )
        for mode, slow, took, ratio in (
            ("off", 0.6, 0.010, 0.99),
            ("log", 0.3, 0.016, 1.6),
            ("sampled", 0.6, 0.0101, 1.01),
        )
    ]
    loads[1].errors.append("ValueError: HTTP/1.1 500")
    return Survey(gains, growth, answers, checks, loads)


def judged_by_a_noisy_measure(survey: Survey, compared: list[Compared]) -> dict[str, list[str]]:
    """The same load, where two servers with the guard off differ by a tenth."""
    if not survey.loads:
        return {}
    off, *others = survey.loads
    noisy = [replace(off, against_off=Ratio(0.8, 0.9, 1.0)), *others]
    lines = claims(compared, replace(survey, loads=noisy))
    return {
        "targets": list(targets(noisy)),
        "verdicts": [str(one.verdict) for one in lines if "CPU" in one.claim],
    }


def described() -> list[str]:
    """The newest entries of a person as the two engines tell them: with a time of their own, and without."""
    pattern = PATTERNS[3]
    shown = []
    for own, pages in ((0.0002, 12), (None, None)):
        before = Plan("Limit < Sort < Seq Scan", (), 10, 5_000, pages, own)
        after = Plan(f"Limit < Index Scan {pattern.index}", (pattern.index,), 10, 10, pages, own)
        gain = IndexGain(
            pattern,
            Timed(before, own or 0.0008, 0.0008),
            Timed(after, (own or 0.0008) / 4, 0.0006),
        )
        shown.append(describe(gain))
    return shown


def paged() -> list[str]:
    """What ``measure_paging`` says of figures made up for it, and where memory is not known."""
    known = full().answers
    unknown = {variant: replace(one, memory=None) for variant, one in known.items()}
    return [
        *(row(known[variant]) for variant in ("before", "fixed")),
        less(known["before"], known["fixed"]),
        less(unknown["before"], unknown["fixed"]),
        SAID,
    ]


def main() -> None:
    project.seed()
    compared = compare(measure_fairly(VARIANTS, Window.ending(), 3, 1), 3)
    texts = dict.fromkeys(VARIANTS, "fix <a href='https://x'>")
    surveys = {"full": full(), "empty": Survey(missing=["The load: a & b."])}
    out: dict[str, Any] = {"gains": described(), "paged": paged()}
    for name, survey in surveys.items():
        lines = claims(compared, survey)
        out[name] = {
            "claims": [one.as_dict() for one in lines],
            "summary": summary(lines),
            "targets": list(targets(survey.loads)) if survey.loads else [],
            "noisy": judged_by_a_noisy_measure(survey, compared),
            "page": render(["About <this>"], lines, compared, texts, survey),
        }
    print(json.dumps(out))


if __name__ == "__main__":
    main()
