"""The summary of the claims, and the page: each verdict from its figures, and HTML that stands alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.example.conftest import probe


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('page') / 'page.sqlite3'}"
    return probe("probe_page.py", url)


def test_each_claim_is_judged_by_its_figures(shown):
    verdicts = {one["claim"]: one["verdict"] for one in shown["full"]["claims"]}
    assert verdicts == {
        "index: history of a person": "holds",  # 60 % less time, of 60 to 70 said
        "index: conveyances, a week": "less than said",  # 40 %, of 65 to 75
        "index: a device's positions": "no gain",  # more time
        "index: newest of a person": "no gain",  # half the time, for the same work: noise
        "index: newest of a type": "no gain",  # half the time, for more work
        "queries at 3, reported": "worse",
        "queries at 3, cured": "holds",
        "queries at 2,000, reported": "worse",
        "queries at 2,000, cured": "holds",
        "Celery, 2,000, reported": "worse",
        "Celery, 2,000, cured": "holds",
        "loadPeoples, rows": "holds",
        "loadPeoples, transfer": "holds",
        "loadPeoples, memory": "holds",
        "loadPeoples, time": "less than said",
        "10 at once, p95, guard on": "holds",  # 290 ms; with the guard off it is 560
        "10 requests, errors": "does not hold",
        "guard off and log, CPU": "does not hold",  # 1.6 times
        "guard off and sampled, CPU": "holds",  # 1.01 times
        "checks, reported and cured": "does not hold",
    }


def test_the_summary_is_a_table_of_79_columns(shown):
    lines = shown["full"]["summary"].splitlines()
    assert max(map(len, lines)) <= 79
    assert lines[0] == ("  claim                       report said    before    after     verdict")
    assert lines[1] == ("  index: history of a person  60-70 % faster 100.0 ms  40.0 ms   holds")
    assert lines[-1] == (
        "  checks, reported and cured  15 of 15       0 of 1    1 of 1    does not hold"
    )


def test_what_was_not_measured_is_left_out_and_said(shown):
    empty = shown["empty"]
    assert [one["claim"] for one in empty["claims"]] == [
        "queries at 3, reported",
        "queries at 3, cured",
    ]
    assert "Not measured. The load: a &amp; b." in empty["page"]
    assert "<h2>Load</h2>" not in empty["page"]


def test_the_page_needs_no_other_file_and_runs_no_script(shown):
    page = shown["full"]["page"]
    assert not re.search(r"<(script|link|img|iframe|object)|\ssrc=|@import|url\(", page)
    assert re.findall(r'href="[^"]*"', page) == []


def test_the_page_escapes_what_it_shows(shown):
    page = shown["full"]["page"]
    assert "Seq Scan &lt;script&gt;" in page
    assert "fix &lt;a href=&#x27;https://x&#x27;&gt;" in page
    assert "22 queries &amp; &lt;b&gt;" in page
    assert "About &lt;this&gt;" in page


def test_the_page_is_for_light_and_dark_and_for_phones(shown):
    page = shown["full"]["page"]
    assert "color-scheme: light dark" in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert 'name="viewport"' in page
    assert "@media (max-width:" in page


@pytest.mark.parametrize("name", ["full", "empty"])
def test_every_element_is_closed(shown, name):
    stack = []

    class Closing(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag != "meta":
                stack.append(tag)

        def handle_endtag(self, tag):
            assert stack.pop() == tag

        def handle_startendtag(self, tag, attributes):
            pass

    Closing().feed(shown[name]["page"])
    assert stack == []


def test_every_chart_says_what_it_shows(shown):
    page = shown["full"]["page"]
    charts = re.findall(r"<svg[^>]*>", page)
    assert len(charts) == 8  # growth twice, three timelines, indexes, pages, load
    assert all('role="img" aria-label="' in chart for chart in charts)
    assert len(re.findall(r'class="query"', page)) == 4 + 5 + 2


def test_the_page_shows_each_plan_with_what_it_read(shown):
    page = shown["full"]["page"]
    scan = '<td data-label="before">Seq Scan &lt;script&gt;<div class="quiet">'
    assert page.count(f"{scan}50,000 VM steps for 10 rows</div></td>") == 6


def test_the_page_shows_each_way_of_calling_the_report(shown):
    page = shown["full"]["page"]
    rows = re.findall(r"<tr><td><strong>(function|task)</strong></td>(.*?)</tr>", page)
    assert [via for via, _ in rows] == ["function", "function", "task", "task"]
    assert re.sub(r"<[^>]+>", "|", rows[-1][1]) == (
        "|2,000||2,001 queries, 500.0 ms||2,002 queries, 500.0 ms||2 queries, 500.0 ms|"
    )


def test_the_page_shows_what_each_mode_of_the_guard_costs(shown):
    rows = re.findall(
        r"<tr><td><strong>(off|log|sampled)</strong></td>(.*?)</tr>", shown["full"]["page"]
    )
    assert [(mode, re.sub(r"<[^>]+>", "|", cells)) for mode, cells in rows] == [
        ("off", "|0||10.0 ms||0.990x (0.970-1.000), another||-||-|"),
        ("log", "|1||16.0 ms||1.600x (1.580-1.610)||-||-|"),
        ("sampled", "|0||10.1 ms||1.010x (0.990-1.020)||-||-|"),
    ]


def test_the_load_is_held_to_its_targets(shown):
    assert (
        "\n".join(shown["full"]["targets"])
        == """\
FAIL  no errors
      1
PASS  p95 below 500 ms, guard on
      290.0 ms, and 560.0 ms with the guard off
FAIL  log: at most 1.05x the guard off
      1.600x (1.580-1.610) the processor time; the guard off against itself:
      0.990x (0.970-1.000)
PASS  sampled: at most 1.05x the guard off
      1.010x (0.990-1.020) the processor time; the guard off against itself:
      0.990x (0.970-1.000)"""
    )


def test_a_measure_that_tells_two_servers_alike_apart_judges_nothing(shown):
    noisy = shown["full"]["noisy"]
    assert [line[:4] for line in noisy["targets"]] == ["FAIL", "PASS", "OPEN", "OPEN"]
    assert noisy["verdicts"] == ["too noisy to say", "too noisy to say"]


# --- what the commands that measure say ----------------------------------------------------


@pytest.mark.parametrize(
    ("number", "before", "after", "measured"),
    [
        (
            0,  # the database tells its own time
            ", 12 pages, 0.20 ms, fetched in 0.80 ms",
            ", 12 pages, 0.05 ms, fetched in 0.60 ms",
            "75 % less time, 25 % less until fetched",
        ),
        (1, ", 0.80 ms", ", 0.20 ms", "75 % less time"),
    ],
)
def test_a_gain_is_told_with_its_plans_and_what_they_took(shown, number, before, after, measured):
    assert shown["gains"][number].splitlines() == [
        "newest of a person: holds",
        "  index   journal_user_ts_desc_idx",
        "  before  Limit < Sort < Seq Scan",
        f"          5,000 VM steps for 10 rows{before}",
        "  after   Limit < Index Scan journal_user_ts_desc_idx",
        f"          10 VM steps for 10 rows{after}",
        f"  report  40-50 % faster; measured: {measured}",
    ]


def test_pages_are_told_beside_what_the_report_said(shown):
    assert shown["paged"] == [
        "  before     5,000   5,000     576,542    +6.0 MiB    100.0 ms",
        "  fixed      5,000      25       2,977    +0.0 MiB     20.0 ms",
        "  less              99.5 %      99.5 %     100.0 %      80.0 %",
        "  less              99.5 %      99.5 %           -      80.0 %",
        "  report            99.5 %      99.5 %      99.5 %     90-95 %",
    ]
