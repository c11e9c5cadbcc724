"""The wellness report: one report, three ways to read the people, three query counts."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.database

VARIANTS = ("before", "claimed", "fixed")


def test_the_three_variants_return_the_same_report(probed):
    for facts in probed:
        reports = [dict(run, queries=None) for run in facts["runs"].values()]
        assert len(reports) == 3
        assert reports[0] == reports[1] == reports[2]


def test_for_20_tenants_the_variants_take_21_22_and_2_queries(probed):
    assert probed[0]["tenants"] == 20
    counts = {variant: run["queries"] for variant, run in probed[0]["runs"].items()}
    assert counts == {"before": 21, "claimed": 22, "fixed": 2}


def test_for_n_tenants_the_variants_take_1_plus_n_2_plus_n_and_2_queries(probed):
    for facts in probed:
        n = facts["tenants"]
        counts = [facts["runs"][variant]["queries"] for variant in VARIANTS]
        assert counts == [1 + n, 2 + n, 2]


def test_a_limit_takes_the_first_tenants_only(probed):
    for facts in probed:
        n = min(2, facts["tenants"])
        for variant, queries in zip(VARIANTS, (1 + n, 2 + n, 2), strict=True):
            run = facts["first_two"][variant]
            assert run["queries"] == queries
            assert run["tenants"] == facts["runs"]["fixed"]["tenants"][:2]


def test_the_figures_are_those_added_up_by_hand(probed):
    """Counts exactly, with several entries a person; averages to the two digits they are given."""
    for facts in probed:
        report = facts["runs"]["fixed"]["tenants"]
        assert len(report) == len(facts["expected"])
        for got, expected in zip(report, facts["expected"], strict=True):
            for figure in ("tenant", "people", "writers", "entries"):
                assert got[figure] == expected[figure]
            assert [code.split()[0] for code in got["at_risk"]] == expected["at_risk"]
            for figure in ("mood_average", "stress_average"):
                assert got[figure] == pytest.approx(expected[figure], abs=0.0051)


def test_the_data_has_something_to_report(probed):
    """The comparisons above would hold for empty reports, too."""
    tenants = probed[0]["runs"]["fixed"]["tenants"]
    assert sum(tenant["people"] for tenant in tenants) == 400
    assert sum(tenant["entries"] for tenant in tenants) > 1000
    assert 5 < sum(len(tenant["at_risk"]) for tenant in tenants) < 100
    empty = [t for facts in probed for t in facts["runs"]["fixed"]["tenants"] if not t["people"]]
    assert {(t["entries"], t["mood_average"], tuple(t["at_risk"])) for t in empty} == {
        (0, None, ())
    }
