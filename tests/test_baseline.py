"""The ratchet: known findings pass, new ones fail, fixed ones are stale."""

from __future__ import annotations

import datetime
import json
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nplusone_guard import baseline
from nplusone_guard.baseline import Baseline, Entry, compare, dumps, loads, update
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.files import PREFIX
from nplusone_guard.policy import RULES
from nplusone_guard.report.joining import session_of
from tests.report.factory import finding, report, site, statement

TODAY = datetime.date(2026, 3, 1)


def found(*ids, test="tests/test_a.py::test_a", **facts):
    return session_of(report(*(finding(id=each, **facts) for each in ids), name=test)).findings


def entry(finding_id, **facts):
    facts = {"rule": "lazy-relation", "file": "app/views.py", "function": "index"} | facts
    return Entry(finding_id, **facts)


def ids(entries):
    return [getattr(each, "finding", each).id for each in entries]


# --- comparing ------------------------------------------------------------------------------


def test_known_findings_pass_and_new_ones_fail():
    known = Baseline((entry("known"),))
    outcome = compare(known, found("known", "new"), today=TODAY, complete=True)
    assert (ids(outcome.known), ids(outcome.new)) == (["known"], ["new"])
    assert outcome.fails()
    assert not compare(known, found("known"), today=TODAY, complete=True).fails()


def test_an_entry_without_a_finding_is_stale_after_a_complete_run():
    known = Baseline((entry("gone"),))
    outcome = compare(known, (), today=TODAY, complete=True)
    assert ids(outcome.stale) == ["gone"]
    assert (outcome.fails(), outcome.fails(strict=True)) == (False, True)
    partial = compare(known, (), today=TODAY, complete=False)
    assert (partial.stale, partial.fails(strict=True)) == ((), False)


@pytest.mark.parametrize(
    ("until", "fails"), [("2026-02-28", True), ("2026-03-01", False), ("", False)]
)
def test_an_entry_passes_up_to_its_last_day(until, fails):
    known = Baseline((entry("a", until=until),))
    outcome = compare(known, found("a"), today=TODAY, complete=True)
    assert (outcome.fails(), len(outcome.expired), len(outcome.known)) == (fails, fails, not fails)
    assert compare(known, (), today=TODAY, complete=True).expired == ()


# --- loops of several statements ------------------------------------------------------------


def loop(*names, **facts):
    """A loop that sends a statement of each name, and is named after the first."""
    statements = [statement(id=name) for name in names]
    one = finding("lazy-relation", *statements, id=names[0], **facts)
    return session_of(report(one, name="tests/test_a.py::test_a")).findings


WHOLE = update(Baseline(), loop("a", "b", "c"), base_dir="/work", complete=True)


def test_an_entry_names_what_a_loop_goes_by_when_it_is_mended_in_part():
    (entry,) = WHOLE
    assert (entry.id, entry.also) == ("a", ("b", "c"))
    assert loads(dumps(WHOLE)) == WHOLE


@pytest.mark.parametrize("left", ["abc", "bc", "c", "b"])
def test_a_loop_that_is_mended_in_part_is_known(left):
    outcome = compare(WHOLE, loop(*left), today=TODAY, complete=True)
    assert not outcome.fails(strict=True)
    assert ids(outcome.known) == [left[0]]


def test_another_loop_is_new_beside_one_that_is_mended_in_part():
    outcome = compare(WHOLE, [*loop("c"), *loop("d")], today=TODAY, complete=True)
    assert (ids(outcome.known), ids(outcome.new)) == (["c"], ["d"])


def test_a_loop_that_is_mended_in_part_expires_as_the_whole():
    known = Baseline(tuple(replace(entry, until="2020-01-01") for entry in WHOLE))
    assert compare(known, loop("c"), today=TODAY, complete=True).fails()


@pytest.mark.parametrize("mode", ["all", "prune"])
def test_an_update_holds_the_part_that_is_mended(mode):
    """What was mended is new if it comes back; what people wrote stays with the rest."""
    known = Baseline(tuple(replace(entry, reason="legacy") for entry in WHOLE))
    updated = update(known, loop("b", "c"), mode, base_dir="/work", complete=True)
    (entry,) = updated
    assert (entry.id, entry.also, entry.reason) == ("b", ("c",), "legacy")
    assert ids(compare(updated, loop("a"), today=TODAY, complete=True).new) == ["a"]


@pytest.mark.parametrize(("mode", "complete"), [("all", False), ("new-only", True)])
def test_an_update_that_drops_nothing_drops_no_part(mode, complete):
    assert update(WHOLE, loop("c"), mode, base_dir="/work", complete=complete) == WHOLE


# --- ids of earlier releases ----------------------------------------------------------------


def renamed(name, *former, **facts):
    """A finding that earlier releases called otherwise."""
    return found(name, former_ids=former, **facts)


def test_what_an_earlier_release_has_written_is_known():
    old = Baseline((entry("old"), entry("of another")))
    outcome = compare(old, renamed("now", "old"), today=TODAY, complete=True)
    assert (ids(outcome.known), ids(outcome.new)) == (["now"], [])
    assert (ids(outcome.outdated), ids(outcome.stale)) == (["old"], ["of another"])
    assert old.entry_of(renamed("now", "old")[0].finding) == entry("old")
    # An id of today is nobody's former one.
    assert (
        compare(
            Baseline((entry("now"),)), renamed("now", "old"), today=TODAY, complete=True
        ).outdated
        == ()
    )


@pytest.mark.parametrize(
    ("mode", "complete"), [("all", True), ("all", False), ("new-only", True), ("prune", True)]
)
def test_an_update_renews_ids_and_keeps_what_people_wrote(mode, complete):
    old = Baseline((entry("old", reason="legacy", until="2030-01-01", test="test_a"),))
    updated = update(old, renamed("now", "old"), mode, base_dir="/work", complete=complete)
    assert list(updated) == [replace(old.entries[0], id="now")]


BOTH = Baseline(
    (
        entry("one", reason="legacy", until="2030-01-01"),
        entry("other", reason="slow page", until="2029-01-01", also=("one", "part")),
    )
)


@pytest.mark.parametrize("former", [("one", "other"), ("other", "one")])
def test_two_that_are_one_by_now_are_both_known_and_become_one(former):
    now = renamed("now", *former)
    outcome = compare(BOTH, now, today=TODAY, complete=True)
    assert (ids(outcome.known), outcome.stale) == (["now"], ())
    (left,) = update(BOTH, now, "new-only", base_dir="/work", complete=True)
    assert (left.id, left.until, left.also) == ("now", "2029-01-01", ("part",))
    assert set(left.reason.split("; ")) == {"legacy", "slow page"}


def test_of_two_that_are_one_by_now_the_first_to_expire_counts():
    day = datetime.date(2029, 6, 1)
    outcome = compare(BOTH, renamed("now", "one", "other"), today=day, complete=True)
    assert [(one.finding.id, entry.id) for one, entry in outcome.expired] == [("now", "other")]


def former_loop(*names):
    """A loop whose statements earlier releases called by the same letters in upper case."""
    statements = [statement(id=name, former_ids=(name.upper(),)) for name in names]
    one = finding("lazy-relation", *statements, id=names[0], former_ids=(names[0].upper(),))
    return session_of(report(one, name="tests/test_a.py::test_a")).findings


FORMER = Baseline((entry("A", also=("B", "C"), reason="legacy"),))


@pytest.mark.parametrize(
    ("mode", "left", "after"),
    [
        ("all", "abc", ("a", ("b", "c"))),
        ("prune", "abc", ("a", ("b", "c"))),
        ("prune", "bc", ("b", ("c",))),
        ("new-only", "bc", ("A", ("b", "c"))),
        # What is new in the loop is not added, nor is what was mended forgotten.
        ("prune", "abd", ("a", ("b",))),
        ("new-only", "ab", ("a", ("C", "b"))),
    ],
)
def test_the_parts_of_a_loop_are_renewed_with_it(mode, left, after):
    assert not compare(FORMER, former_loop(*left), today=TODAY, complete=True).fails(strict=True)
    (entry,) = update(FORMER, former_loop(*left), mode, base_dir="/work", complete=True)
    assert (entry.id, entry.also, entry.reason) == (*after, "legacy")


# --- updating -------------------------------------------------------------------------------

OLD = Baseline((entry("gone"), entry("known", reason="legacy", until="2020-01-01")))


@pytest.mark.parametrize(
    ("mode", "complete", "left"),
    [
        ("all", True, {"known", "new"}),
        ("all", False, {"gone", "known", "new"}),
        ("new-only", True, {"gone", "known", "new"}),
        ("prune", True, {"known"}),
        ("prune", False, {"gone", "known"}),
    ],
)
def test_an_update_adds_and_drops_by_its_mode(mode, complete, left):
    updated = update(OLD, found("known", "new"), mode, base_dir="/work", complete=complete)
    assert set(ids(updated)) == left


def test_an_update_keeps_what_people_wrote():
    updated = update(OLD, found("known"), "all", base_dir="/work", complete=True)
    assert list(updated) == [OLD.entries[1]]


WORDS = {"reason": "legacy", "until": "2020-01-01"}
TEST = "tests/test_a.py::test_a"
MOVED = [
    ("renamed", {"function": "start"}, WORDS),
    ("moved", {"file": "app/pages.py"}, WORDS),
    ("renamed and moved", {"file": "app/pages.py", "function": "start"}, {}),
    ("another loop of the function", {}, {}),
    ("another test", {"function": "start", "test": "tests/test_b.py::test_b"}, {}),
    ("another rule", {"function": "start", "rule": "query-in-loop"}, {}),
]


@pytest.mark.parametrize(
    ("facts", "words"), [each[1:] for each in MOVED], ids=[m[0] for m in MOVED]
)
def test_what_people_wrote_goes_with_a_function_that_is_renamed_or_moved(facts, words):
    old = Baseline((entry("old", test=TEST, **WORDS),))
    assert _words(update(old, moved("new", **facts), base_dir="/work", complete=True)) == {
        "new": words
    }


def test_it_goes_along_before_what_is_gone_is_pruned():
    old = Baseline((entry("old", test=TEST, **WORDS),))
    one = moved("new", function="start")
    both = update(old, one, "new-only", base_dir="/work", complete=True)
    assert _words(both) == {"new": WORDS, "old": WORDS}
    assert _words(update(both, one, "prune", base_dir="/work", complete=True)) == {"new": WORDS}


def test_it_stays_where_more_than_one_could_be_it():
    old = Baseline((entry("old", test=TEST, **WORDS),))
    two = moved("new", function="start") + moved("other", function="home")
    words = _words(update(old, two, base_dir="/work", complete=True))
    assert words == {"new": {}, "other": {}}
    pair = Baseline((*old, entry("second", test=TEST, function="second")))
    one = moved("new", function="start")
    assert _words(update(pair, one, base_dir="/work", complete=True)) == {"new": {}}
    # Nothing is dropped after a run of some tests, and the old entry has its words still.
    assert _words(update(old, one, base_dir="/work", complete=False)) == {"new": {}, "old": WORDS}


def moved(name, test=TEST, **facts):
    """What a run finds of the old entry's function, but for ``facts``."""
    rule = facts.pop("rule", "lazy-relation")
    place = {"file": "app/views.py", "function": "index"} | facts
    place["file"] = f"/work/{place['file']}"
    one = statement(rule=rule, id=name, site=site(**place))
    return session_of(report(finding(rule, one, id=name), name=test)).findings


def _words(updated):
    return {
        each.id: {key: value for key in WORDS if (value := getattr(each, key))} for each in updated
    }


def test_a_new_entry_names_place_and_test_and_no_line():
    place = site(61, file="/work/app/views.py", function="Index.get")
    (new,) = update(Baseline(), found("a", site=place), base_dir="/work", complete=True)
    assert new == Entry(
        "a", "bypassed-prefetch", "app/views.py", "Index.get", "tests/test_a.py::test_a"
    )


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_after_an_update_nothing_is_new_or_stale(before, now):
    old = Baseline(tuple(map(entry, sorted(before))))
    updated = update(old, found(*now), "all", base_dir="/work", complete=True)
    outcome = compare(updated, found(*now), today=TODAY, complete=True)
    assert not outcome.fails(strict=True)
    assert update(updated, found(*now), "all", base_dir="/work", complete=True) == updated


# --- merging --------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path):
    """Runs git in a repository of its own, whatever the user's settings."""
    if shutil.which("git") is None:
        pytest.skip("needs git")

    def git(*arguments):
        settings = ("-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false")
        command = ["git", *settings, *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    return git, tmp_path / "known.json"


def test_branches_that_find_and_mend_merge_cleanly(repository):
    git, path = repository
    files = [f"{letter}.py" for letter in "bdfhj"]
    start = Baseline(tuple(entry(f"id-{file}", file=file, reason="legacy") for file in files))

    def commit(message, entries):
        baseline.save(path, Baseline(tuple(entries)))
        git("add", path.name)
        git("commit", "-qm", message)

    commit("start", start)
    git("checkout", "-qb", "one")
    commit(
        "a new one first, one mended",
        [entry("new-a", file="a.py"), *start.entries[:2], *start.entries[3:]],
    )
    git("checkout", "-q", "main")
    commit("a new one last", [*start, entry("new-z", file="z.py")])
    git("merge", "-q", "one", "-m", "both")
    merged = baseline.load(path)
    assert ids(merged) == ["new-a", "id-b.py", "id-d.py", "id-h.py", "id-j.py", "new-z"]
    assert path.read_text() == dumps(merged)


# --- the file -------------------------------------------------------------------------------


def test_the_file_has_one_finding_a_line_sorted_by_place():
    entries = (
        entry("b", file="b.py", test="t::é", reason="slow page", until="2026-12-31"),
        entry("a", file="b.py", function="a"),
        entry("c", file="a.py"),
    )
    assert dumps(Baseline(entries)) == textwrap.dedent("""\
        {
          "schema_version": 2,
          "findings": [
            {"id": "c", "rule": "lazy-relation", "file": "a.py", "function": "index"},
            {"id": "a", "rule": "lazy-relation", "file": "b.py", "function": "a"},
            {"id": "b", "rule": "lazy-relation", "file": "b.py", "function": "index", \
"test": "t::\\u00e9", "reason": "slow page", "until": "2026-12-31"}
          ]
        }
    """)
    assert dumps(Baseline()) == '{\n  "schema_version": 2,\n  "findings": []\n}\n'


ENTRIES = st.builds(
    Entry,
    id=st.text(min_size=1),
    rule=st.sampled_from(sorted(RULES)),
    file=st.text(),
    function=st.text(),
    test=st.text(),
    reason=st.text().map(str.strip),
    until=st.just("") | st.dates().map(str),
)
BASELINES = st.lists(ENTRIES, unique_by=lambda each: each.id).map(baseline._sorted)


@given(BASELINES)
def test_a_baseline_survives_the_round_trip(one):
    assert loads(dumps(one)) == one
    assert dumps(loads(dumps(one))) == dumps(one)


@given(BASELINES)
def test_each_entry_has_its_own_line(one):
    text = dumps(one)
    assert text.isascii()
    assert text.count("\n") == 4 + (1 + len(one) if one.entries else 0)


def edited(**facts):
    document = json.loads(dumps(Baseline((entry("a"),))))
    (first,) = document["findings"]
    first |= facts
    for key in [key for key, value in facts.items() if value is ...]:
        del first[key]
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (edited(until="soon"), '/findings/0/until is "soon"; allowed: a date, YYYY-MM-DD'),
        (edited(until=3), "/findings/0/until is 3; allowed: a date, YYYY-MM-DD"),
        (
            edited(until="2026-02-30"),
            '/findings/0/until is "2026-02-30"; allowed: a date, YYYY-MM-DD',
        ),
        (
            edited(until="20260228"),
            '/findings/0/until is "20260228"; allowed: a date, YYYY-MM-DD',
        ),
        (
            edited(untill="2026-02-28"),
            (
                "/findings/0/untill is not a key; "
                "allowed: id, rule, file, function, test, reason, until, also"
            ),
        ),
        (edited(id=""), '/findings/0/id is ""; allowed: the id of a finding'),
        (edited(id=7), "/findings/0/id is 7; allowed: a string"),
        (edited(file=...), "/findings/0/file is missing; allowed: a string"),
        (
            edited(rule="lazy"),
            f'/findings/0/rule is "lazy"; allowed: {", ".join(RULES)}',
        ),
        (
            '{"schema_version": 3}',
            (
                "/schema_version is 3, but this release of nplusone-guard reads versions 1 to 2; "
                "read it with a newer release"
            ),
        ),
        (
            edited(until="2027-01-31").replace('"id"', '"until": "2028-01-31", "id"'),
            'the key "until" stands twice; allowed: once in an object',
        ),
        ("{}", "/schema_version is missing; allowed: 1 to 2"),
        ('{"schema_version": 1}', "/findings is missing; allowed: a list"),
        (
            '{"schema_version": 1, "findings": [], "finding": []}',
            "/finding is not a key; allowed: schema_version, findings",
        ),
        ('{"schema_version": 1, "findings": [5]}', "/findings/0 is 5; allowed: an object"),
        ("[]", "the document is []; allowed: an object"),
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            "{\n}}",
            "not JSON: Extra data: line 2 column 2 (char 3)",
        ),
        (
            '{\n  "findings": [\n<<<<<<< HEAD\n=======\n>>>>>>> branch\n  ]\n}\n',
            (
                "a merge conflict is left at line 3; "
                "take either side, or all lines of both, then update it"
            ),
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nplusone-baseline.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        baseline.load("nplusone-baseline.json")
    assert str(caught.value) == f"nplusone-baseline.json: {message}"


def test_one_finding_twice_is_refused():
    text = dumps(Baseline((entry("a"), entry("b")))).replace('"b"', '"a"')
    with pytest.raises(ConfigError) as caught:
        loads(text)
    expected = 'baseline: /findings/1/id is "a"; allowed: an id that no other entry has'
    assert str(caught.value) == expected


def test_a_file_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        baseline.load("nowhere.json")
    assert str(caught.value) == "nowhere.json cannot be read: No such file or directory"


def test_a_file_may_be_edited_on_windows(tmp_path):
    text = dumps(OLD).replace("\n", "\r\n")
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert baseline.load(tmp_path / "a.json") == OLD


FOREVER = """
    import sys
    from nplusone_guard.baseline import Baseline, Entry, save

    one, many = (
        Baseline(tuple(Entry(str(n), "lazy-relation", "a.py", "f") for n in range(size)))
        for size in (1, 3_000)
    )
    while True:
        save(sys.argv[1], one)
        save(sys.argv[1], many)
"""


def killed_while_writing(path) -> bool:
    """Kill a process that writes ``path``; whether it has left a part of the next one."""
    arguments = [sys.executable, "-c", textwrap.dedent(FOREVER), path]
    with subprocess.Popen(arguments) as writer:
        # Bounded, should it ever write without a temporary file.
        for _ in range(50_000):
            if any(path.parent.glob(f"{PREFIX}*")):
                break
        writer.send_signal(signal.SIGKILL)
    left = list(path.parent.glob(f"{PREFIX}*"))
    for part in left:
        part.unlink()
    return bool(left)


def test_the_file_is_never_damaged_however_the_process_ends(tmp_path):
    path = tmp_path / "nplusone-baseline.json"
    baseline.save(path, Baseline())
    killed = 0
    for _ in range(20):
        killed += killed_while_writing(path)
        assert len(baseline.load(path)) in {0, 1, 3_000}
        if killed == 3:
            return
    pytest.fail("no process was killed while it wrote")


@settings(max_examples=20)
@given(BASELINES)
def test_saved_is_loaded(tmp_path_factory, one):
    path = tmp_path_factory.mktemp("baseline") / "a.json"
    baseline.save(path, one)
    assert baseline.load(path) == one
