"""Properties, ``__str__``, signals, managers and exports: each loop at the user's line."""

from __future__ import annotations

import sys

import pytest

from nplusone_guard.guard import watch
from tests.frameworks.places import found, line_of, place, shown
from tests.frameworks.shop import code

pytestmark = pytest.mark.django_db


def report_of(name, *args):
    with watch(name) as recording:
        getattr(code, name)(*args)
    return recording.report


#: Function, where it asks, the loop, how often.
LOOPS = [
    ("properties", ("Customer.city_name", "city_name"), "properties", 6),
    ("strings", ("Customer.__str__", "customer_str"), "strings", 6),
    ("formatted", ("Line.__str__", "line_str"), "formatted", 6),
    ("cleaning", ("Customer.clean", "customer_clean"), "cleaning", 6),
    ("managers", ("ProductQuerySet.names_of", "manager"), "managers", 6),
    ("dicts", ("dicts", "dicts"), "dicts", 3),
    ("jsons", ("encoded", "encoded"), "jsons", 3),
    ("indented", ("encoded", "encoded"), "indented", 3),
    ("written", ("written", "written"), "written_loop", 3),
]


@pytest.mark.parametrize(("name", "site", "loop", "count"), LOOPS, ids=[row[0] for row in LOOPS])
def test_the_loop_is_the_users(shop, name, site, loop, count):
    report = report_of(name)
    (finding,) = report.findings
    assert (shown(finding.site), finding.count) == (place(*site), count)
    assert shown(finding.loop) == place(name, loop)
    assert not report_of(f"{name}_healthy").findings


def test_handlers_of_signals_are_the_site(shop):
    report = report_of("signals")
    loop = place("signals", "signals")
    assert found(report) == {
        (place("signals", "signals_create"), loop, 3),
        (place("note_receipt", "signal"), loop, 3),
    }
    assert not report_of("signals_healthy").findings


#: Python 3.10 takes what a comprehension runs over for its body, as it has no columns.
WITHOUT_COLUMNS = (
    [("dumped", how) for how in ("python", "json", "jsonl")] if sys.version_info < (3, 11) else []
)


@pytest.mark.parametrize("how", ["python", "json", "jsonl", "xml"])
@pytest.mark.parametrize(("name", "mark"), [("dumped", "dumped"), ("natural_keys", "natural_keys")])
def test_serializers_of_django_loop_inside_of_it(shop, name, mark, how):
    (finding,) = report_of(name, how).findings
    assert shown(finding.site) == place(name, mark)
    assert finding.loop.package == "django"
    if (name, how) not in WITHOUT_COLUMNS:
        assert finding.loop.source.startswith("for count, obj in enumerate(queryset")
    assert not report_of(f"{name}_healthy", how).findings


def test_what_serializers_of_django_ask_for_row_by_row_can_be_prefetched(shop):
    (finding,) = report_of("dumped", "json").findings
    assert finding.advice.text.startswith(
        'add .prefetch_related("tags") to the queryset at code.py:'
    )
    (step,) = finding.advice.options[0].steps
    assert (step.action, step.new) == ("append", '.prefetch_related("tags")')
    assert finding.advice.saves == 2


def test_an_export_of_values(ask):
    report = ask("/export/")
    assert found(report) == {(place("export", "export"), place("export", "export_loop"), 3)}
    (finding,) = report.findings
    assert shown(finding.origin.site) == place("export", "export_loop")
    assert not ask("/export/healthy/").findings


def test_every_loop_has_its_twin_below_it():
    functions = [name for name, value in vars(code).items() if callable(value)]
    names = [name for name in functions if getattr(code, name).__module__ == code.__name__]
    names.remove("encoded")
    pairs = list(zip(names[::2], names[1::2], strict=True))
    assert all(twin == f"{name}_healthy" for name, twin in pairs), pairs


def test_marks_name_one_line_each():
    assert line_of("encoded") != line_of("written")
