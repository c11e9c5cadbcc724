"""Markdown for a job's summary: complete, bounded, and nothing in it read as markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from nplusone_guard.analysis.findings import Advice, Option
from nplusone_guard.report import markdown
from nplusone_guard.report.comparing import diff
from nplusone_guard.report.joining import session_of
from tests.report.factory import cleared, finding, report, site, statement, wellness
from tests.report.strategies import REPORTS

BASE = "/work/shop"
URL = "https://github.com/owner/shop/blob/c0ffee"


def test_a_session_is_totals_a_table_and_each_finding():
    assert (
        markdown.render(wellness(), BASE)
        == """\
## nplusone-guard

1 scope: 22 queries in 21.4 ms, 1 query loop, 20 queries avoidable

| Rule | Query | Line | Avoidable | Seen in |
|---|---|---|--:|--:|
| `bypassed-prefetch` | 20 × `SELECT peoples_people` | `background_tasks/journal_wellness_tasks.py:61` | 20 | 1 |

### 1. `bypassed-prefetch`: 20 × `SELECT peoples_people`

- **Fix:** read tenant.people\\_set.all(), or Prefetch("people\\_set", queryset=...)
- **Query:** `background_tasks/journal_wellness_tasks.py:61` `User.objects.filter(tenant=tenant)`
- **The loop:** `background_tasks/journal_wellness_tasks.py:60` `for tenant in tenants:`
- **20 tenants.Tenant loaded here:** `background_tasks/journal_wellness_tasks.py:58` `tenants = Tenant.objects.prefetch_related("people_set")`
- 20 queries avoidable, 18.2 ms, finding `3f9c2a1b7d04`
- **Seen in:** `wellness_report`

<details><summary>SQL</summary>

```sql
SELECT "peoples_people"."id"
FROM "peoples_people"
WHERE "tenant_id" = ?
```

</details>

<details><summary>Cleared: 1 batched</summary>

- batched: 4 × `SELECT journal_entry` at `background_tasks/journal_wellness_tasks.py:90` `IN lists of 500`

</details>

- unused ignore at `settings`: suppressed nothing here; remove it. `rule query-in-loop`
"""
    )


def test_places_are_links_where_files_can_be_read():
    place = site(file=f"{BASE}/a b.py")
    one = finding("lazy-relation", statement(site=place), loop=None, origin=None)
    assert f"[`a b.py:61`]({URL}/a%20b.py#L61)" in markdown.render(
        report(one), BASE, source_url=URL
    )
    elsewhere = finding("lazy-relation", statement(site=site(file="/usr/a.py")), origin=None)
    assert "**Query:** `/usr/a.py:61`\n" in markdown.render(report(elsewhere), BASE, source_url=URL)


def test_without_findings_the_totals_say_so():
    assert markdown.render(report(), BASE) == (
        "## nplusone-guard\n\n1 scope: 22 queries in 21.4 ms, no query loop\n"
    )


def test_a_difference_tells_what_came_and_went():
    old, new = session_of(report(finding(id="old"))), session_of(report(finding(id="new")))
    text = markdown.render_diff(diff(old, new), BASE)
    assert re.findall("^#.*", text, re.MULTILINE) == [
        "## nplusone-guard",
        "### New",
        "### 1. `bypassed-prefetch`: 20 × `SELECT peoples_people`",
        "### Gone",
    ]
    assert "1 new finding, 1 gone, 0 kept" in text


def test_what_was_cleared_can_be_left_out():
    one = report(cleared=(cleared(),))
    assert "Cleared: 1 batched" in markdown.render(one, BASE)
    assert "Cleared" not in markdown.render(one, BASE, show_cleared=False)


# --- bounds ---------------------------------------------------------------------------------


def test_a_summary_stays_below_what_github_takes():
    long = "SELECT " + ", ".join(f'"column{n}"' for n in range(3_000))
    ids = map(str, range(1_000))
    place = site(file=f"{BASE}/{'folder/' * 100}a.py", source="x" * 5_000)
    findings = [
        finding("lazy-relation", statement(fingerprint=long, site=place), id=each) for each in ids
    ]
    session = session_of(*(report(*findings, name=f"test{n}" * 50) for n in range(15)))
    text = markdown.render(session, BASE)
    assert len(text.encode()) < 1024 * 1024
    assert "\nand 800 findings more\n" in text
    assert text.count("\n### ") == 50
    assert " and 5 more\n" in text


# --- hostile text ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a", "`a`"),
        ("a`b", "``a`b``"),
        ("``", "``` `` ```"),
        ("`a", "`` `a ``"),
        (" a ", "`  a  `"),
        ("", ""),
        ("  ", ""),
        ("<b>*|\\", "`<b>*|\\`"),
        ("a\nb\x1b", "`a\\nb\\x1b`"),
    ],
)
def test_a_code_span_holds_any_text(text, span):
    assert markdown._code(text) == span


def test_advice_is_no_markup():
    one = finding(advice=Advice("<img src=x> **b** [l](u) `c` \n# h"))
    line = "- **Fix:** \\<img src=x\\> \\*\\*b\\*\\* \\[l\\](u) \\`c\\` \\# h\n"
    assert line in markdown.render(report(one), BASE)


def test_a_fix_is_told_whole():
    text = "read papers[int(pk)] if int(pk) in papers else get_object_or_404(Paper) " * 8
    option = Option("in_bulk", "views.py", 9, text.strip(), read=text.strip())
    one = finding(advice=Advice(text.strip(), options=(option, option)))
    shown = markdown.render(report(one), BASE).replace("\\", "")
    assert shown.count(text.strip()) == 3


def test_other_ways_of_several_lines_are_a_block_and_tell_what_they_lose():
    where = {"file": f"{BASE}/views.py", "line": 9, "read": "by_key[key]"}
    one, several = (
        Option(kind="in_bulk", expression=code, loses="pre_save of A (1 receiver)", **where)
        for code in ("by_key = load()", "rows = ask()\nby_key = {\n    row.pk: row\n}")
    )
    told = markdown.render(report(finding(advice=Advice("x", options=(one, one, several)))), BASE)
    assert (
        """
- **Or:** `by_key = load()` at `views.py:9`, and read `by_key[key]` (skips pre\\_save of A (1 receiver))
- **Or:** at `views.py:9`, and read `by_key[key]` (skips pre\\_save of A (1 receiver)):
  ```python
  rows = ask()
  by_key = {
      row.pk: row
  }
  ```
- **Query:**"""
        in told
    )


def test_sql_cannot_end_its_block():
    one = finding("lazy-relation", statement(fingerprint="SELECT '```' ````"))
    text = markdown.render(report(one), BASE)
    assert "\n`````sql\nSELECT '```' ````\n`````\n" in text


def test_a_bar_ends_no_cell():
    one = finding("lazy-relation", statement(headline="SELECT a|b\\|c"))
    rows = [line for line in markdown.render(report(one), BASE).split("\n") if line[:1] == "|"]
    assert [row.count("|") for row in rows] == [6, 6, 6]


@settings(max_examples=15)
@given(REPORTS)
def test_any_report_keeps_its_shape(one):
    text = markdown.render(one, BASE)
    session = session_of(one)
    assert text.encode()
    rows = [line for line in text.split("\n") if line.startswith("| ")]
    assert len(rows) == (len(session) + 1 if session.findings else 0)
    assert {row.count("|") for row in rows} <= {6}
    assert text.count("<details>") == text.count("</details>")


def test_what_is_known_is_folded_away_below_what_is_not():
    one, other = finding(), finding("query-in-loop", id="000000000001")
    text = markdown.render(report(one, other), BASE, known={one.id})
    new, _, known = text.partition("<details><summary>1 known finding</summary>")
    assert f"finding `{other.id}`" in new
    assert one.rule not in new
    assert "Every finding is known." not in new
    # A table needs an empty line before it, or is a paragraph.
    assert known.startswith("\n\n| Rule | Query | Line | Avoidable | Seen in |\n|---|")
    assert f"| `{one.rule}` |" in known
    assert f"finding `{one.id}`" not in known

    text = markdown.render(report(one, other), BASE, known={one.id, other.id})
    assert "\n\nEvery finding is known.\n\n<details><summary>2 known findings</summary>" in text
    assert markdown.render(report(one, other), BASE, known=()) == markdown.render(
        report(one, other), BASE
    )
