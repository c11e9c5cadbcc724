"""Advice for writes."""

from __future__ import annotations

from nplusone_guard.analysis.advice.case import Plan, Subject


def plans(subject: Subject) -> list[Plan]:
    return []
