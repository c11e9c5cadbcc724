"""Where a report goes: the log, Python's warnings, an exception."""

from __future__ import annotations

import logging
import sys
import threading
import types
import warnings

import pytest

from nplusone_guard import NPlusOneDetected, NPlusOneWarning, delivery
from nplusone_guard.capture import faults
from nplusone_guard.delivery import deliver, deliver_unraised, is_heard
from nplusone_guard.policy import Policy
from nplusone_guard.report import text
from tests.report.factory import cleared, finding, report, site, statement

LOG, WARN, RAISE, OFF = (Policy(mode=mode) for mode in ("log", "warn", "raise", "off"))


@pytest.fixture(autouse=True)
def fresh():
    """Each test is a process of its own."""
    delivery.forget_logged()
    faults.forget_logged()
    yield
    delivery.forget_logged()
    faults.forget_logged()


class Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def records():
    """What the guard logs, at level INFO and above."""
    logger, handler = logging.getLogger("nplusone_guard"), Kept()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.records
    logger.setLevel(level)
    logger.removeHandler(handler)


def loop(**facts):
    return report(finding(**facts))


# --- log --------------------------------------------------------------------------------------


def test_a_report_is_one_record(records):
    deliver(loop(), LOG)
    [record] = records
    assert (record.name, record.levelname) == ("nplusone_guard", "WARNING")
    assert record.getMessage() == text.render(loop())
    assert record.report_name == "wellness_report"
    assert record.report_kind == "block"
    assert record.query_count == 22
    assert (record.query_time, record.wall_time) == (loop().query_time, loop().wall_time)
    assert record.finding_ids == ["3f9c2a1b7d04"]


def test_a_report_without_findings_is_told_at_level_info(records):
    deliver(report(), LOG)
    [record] = records
    assert record.levelname == "INFO"
    assert record.getMessage() == "wellness_report: 22 queries in 21.4 ms, no query loop"
    assert record.finding_ids == []


def test_a_percent_sign_in_the_text_is_no_format(records):
    deliver(report(name="100%s"), LOG)
    assert records[0].getMessage().startswith("100%s: 22 queries")


def test_nothing_is_rendered_where_nobody_listens(records, monkeypatch):
    delivery.logger.setLevel(logging.CRITICAL)
    monkeypatch.setattr(text, "render", None)
    deliver(loop(), LOG)
    assert records == []


def test_a_finding_is_logged_in_full_once(records):
    other = finding("write-in-loop", id="77")
    deliver(loop(), LOG)
    deliver(report(finding(), other), LOG)
    assert [len(record.getMessage().splitlines()) for record in records] == [6, 7]
    assert records[1].getMessage() == text.render(
        report(finding(), other), brief_ids={"3f9c2a1b7d04"}
    )
    assert "again [3f9c2a1b7d04]" in records[1].getMessage()


def test_a_finding_that_nobody_could_see_was_not_logged(records):
    delivery.logger.setLevel(logging.ERROR)
    deliver(loop(), LOG)
    delivery.logger.setLevel(logging.INFO)
    deliver(loop(), LOG)
    assert "again" not in records[0].getMessage()


def test_the_findings_longest_unseen_are_forgotten_first(records, monkeypatch):
    monkeypatch.setattr(delivery, "MAX_LOGGED", 2)
    for one in "abacab":
        deliver(loop(id=one), LOG)
    again = ["again [" in record.getMessage() for record in records]
    assert again == [False, False, True, False, True, False]


def test_of_many_threads_one_logs_a_finding_in_full(records):
    start = threading.Barrier(8)

    def request():
        start.wait()
        deliver(loop(), LOG)

    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted("again [" in record.getMessage() for record in records) == [False] + [True] * 7


def test_the_policy_says_what_is_shown(records):
    here = finding("lazy-relation", statement(site=site(1, file="/srv/a.py")))
    one = report(here, cleared=(cleared(),))
    deliver(one, Policy(mode="log", show_cleared=True, base_dir="/srv"))
    assert records[0].getMessage() == text.render(one, show_cleared=True, base_dir="/srv")
    assert "   query   a.py:1" in records[0].getMessage()


def test_mode_off_tells_nobody(records):
    deliver(loop(), OFF)
    assert records == []


# --- warn -------------------------------------------------------------------------------------

FILE = "/srv/app/reports.py"


def warned(*findings, action="default", policy=WARN, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        deliver(report(*findings), policy, **options)
    return caught


def at(line=61, count=20, rule="lazy-relation", **facts):
    facts.setdefault("summary", f"{count} × SELECT people in the loop at reports.py:60")
    return finding(rule, statement(count, site=site(line, file=FILE)), **facts)


def test_a_finding_is_a_warning_at_its_line():
    [warning] = warned(at())
    assert warning.category is NPlusOneWarning
    assert (warning.filename, warning.lineno) == (FILE, 61)
    assert str(warning.message) == (
        "lazy-relation: 20 × SELECT people in the loop at reports.py:60; "
        'fix: read tenant.people_set.all(), or Prefetch("people_set", queryset=...)'
    )


def test_each_finding_is_a_warning():
    assert [each.lineno for each in warned(at(1, id="a"), at(2, id="b"))] == [1, 2]


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        ("default", ["20", "9"]),
        ("always", ["20", "21", "9"]),
        ("once", ["20", "9"]),
        ("ignore", []),
    ],
)
def test_a_line_warns_as_often_as_the_filters_say_whatever_its_count(action, shown):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        deliver(report(at(61, 20, id="a")), WARN)
        deliver(report(at(61, 21, id="a")), WARN)
        deliver(report(at(70, 9, id="b")), WARN)
    assert [str(each.message).split()[1] for each in caught] == shown


def test_new_filters_warn_anew():
    assert len(warned(at()) + warned(at())) == 2


def test_the_module_remembers_its_warnings_and_names_them_to_filters(monkeypatch):
    module = types.ModuleType("shop.reports")
    module.__file__ = FILE
    monkeypatch.setitem(sys.modules, "shop.reports", module)
    warned(at(), at())
    assert [key[1:] for key in module.__warningregistry__ if key != "version"] == [
        (NPlusOneWarning, 61)
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("ignore", module=r"shop\.reports")
        deliver(report(at()), WARN)
    assert caught == []


def test_rules_can_be_filtered_by_the_begin_of_the_message():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "lazy-relation", NPlusOneWarning)
        deliver(report(at(), at(rule="query-in-loop", id="b")), WARN)
    assert [str(each.message).split(":")[0] for each in caught] == ["query-in-loop"]


def test_odd_things_among_the_modules_are_passed_over(monkeypatch):
    monkeypatch.setitem(sys.modules, "odd", object())
    monkeypatch.setitem(sys.modules, "none", None)
    assert len(warned(at())) == 1


def test_the_text_that_a_recorder_finds_is_a_plain_string():
    [warning] = warned(at())
    assert type(str(warning.message)) is str
    assert type(warning.message.args[0]) is str


def test_what_terminals_obey_is_escaped():
    [warning] = warned(at(summary="2 × SELECT \x1b[31m"))
    assert "\\x1b[31m" in str(warning.message)


def test_files_without_a_module_are_remembered_to_a_limit(monkeypatch):
    monkeypatch.setattr(delivery, "MAX_FILES", 2)
    for name in "abc":
        warned(finding("lazy-relation", statement(site=site(1, file=f"/srv/{name}.html"))))
    assert list(delivery._registries) == ["/srv/b.html", "/srv/c.html"]


def test_a_warning_that_a_filter_makes_an_error_is_raised():
    with pytest.raises(NPlusOneWarning, match="lazy-relation: 20 × SELECT") as caught:
        warned(at(), action="error")
    assert type(caught.value.args[0]) is str


def test_it_is_not_raised_in_place_of_the_applications_exception():
    assert warned(at(), action="error", exception=KeyError("x")) == []


# --- raise ------------------------------------------------------------------------------------


def test_a_finding_that_fails_is_raised_with_the_whole_report(records):
    one = loop()
    with pytest.raises(NPlusOneDetected) as caught:
        deliver(one, RAISE)
    assert caught.value.report is one
    assert str(caught.value) == text.render(one)
    assert records == []


def test_a_report_without_findings_is_not_raised(records):
    deliver(report(), RAISE)
    assert records == []


def test_a_finding_that_does_not_fail_is_logged(records):
    deliver(loop(rule="write-in-loop"), RAISE)
    assert [record.levelname for record in records] == ["WARNING"]


def test_the_policy_says_what_fails():
    with pytest.raises(NPlusOneDetected):
        deliver(
            loop(rule="write-in-loop"), Policy(mode="raise", select=frozenset({"write-in-loop"}))
        )


def test_nothing_is_raised_in_place_of_the_applications_exception(records):
    deliver(loop(), RAISE, exception=KeyError("x"))
    assert len(records) == 1


# --- whether anybody is told ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "level", "healthy", "loops"),
    [
        (LOG, logging.INFO, True, True),
        (LOG, logging.WARNING, False, True),
        (LOG, logging.ERROR, False, False),
        (WARN, logging.INFO, False, True),
        (RAISE, logging.INFO, False, True),
        (OFF, logging.INFO, False, False),
    ],
)
def test_a_report_is_made_for_those_who_hear_of_it(records, policy, level, healthy, loops):
    logging.getLogger("nplusone_guard").setLevel(level)
    assert is_heard((), policy) is healthy
    assert is_heard(loop().findings, policy) is loops


# --- where nothing may be raised ---------------------------------------------------------------


@pytest.mark.parametrize(("policy", "levels"), [(LOG, ["WARNING"]), (RAISE, ["ERROR"]), (OFF, [])])
def test_what_would_be_raised_is_logged_as_an_error(policy, levels, records):
    deliver_unraised(loop(), policy)
    assert [record.levelname for record in records] == levels


def test_a_warning_is_shown_and_one_that_would_be_raised_is_logged_as_an_error(records):
    with pytest.warns(NPlusOneWarning):
        deliver_unraised(loop(), WARN)
    assert records == []
    deliver_unraised(loop(), WARN)
    assert [record.levelname for record in records] == ["ERROR"]


def test_a_healthy_report_is_no_error(records):
    deliver_unraised(report(), RAISE)
    assert records == []


def test_a_fault_there_goes_no_further(records, monkeypatch):
    monkeypatch.setattr(text, "render", None)
    deliver_unraised(loop(), RAISE)
    assert [record.getMessage()[:31] for record in records] == ["nplusone-guard failed in delive"]


# --- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [LOG, Policy(mode="unheard-of")])
def test_a_fault_in_here_is_logged_once_and_goes_no_further(policy, records, monkeypatch):
    monkeypatch.setattr(text, "render", None)
    deliver(loop(), policy)
    deliver(loop(), policy)
    [record] = records
    assert record.getMessage() == (
        "nplusone-guard failed in delivery; the application goes on. Logged once."
    )


def test_a_fault_in_a_handler_goes_no_further(records, monkeypatch):
    def broken(record):
        raise OSError

    monkeypatch.setattr(delivery.logger.handlers[-1], "emit", broken)
    deliver(loop(), LOG)
