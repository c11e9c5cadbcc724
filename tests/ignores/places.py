"""Where a finding is."""

from __future__ import annotations

from nplusone_guard.analysis.verdicts import Site


def site(file="/srv/app/shop/views.py", line=7):
    return Site(file, line, "view")
