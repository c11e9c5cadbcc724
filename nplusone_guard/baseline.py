"""The ratchet: a file of the findings a team knows of, so that only new ones fail.

The file is written for people and for merges: one finding a line, sorted by place, with
no line number and no count in it, so that it changes only where findings come and go.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from nplusone_guard.analysis.findings import Finding
from nplusone_guard.files import read_text, write_text
from nplusone_guard.policy import RULES
from nplusone_guard.report import places, records
from nplusone_guard.report.session import SessionFinding

#: The first held ids that were made of the text of a statement; they are known as well.
SCHEMA_VERSION: Final = 2

#: What an update does with new findings and with stale entries.
UpdateMode = Literal["all", "new-only", "prune"]
UPDATE_MODES: Final[tuple[UpdateMode, ...]] = ("all", "new-only", "prune")

#: After every day.
_NEVER: Final = "~"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY_IN_WORDS: Final = "a date, YYYY-MM-DD"


@dataclass(frozen=True, slots=True)
class Entry:
    """One known finding. ``reason`` and ``until`` are written by people."""

    id: str
    rule: str
    #: Relative to the repository, with forward slashes.
    file: str
    #: The qualified name.
    function: str
    #: The test or scope that first met it.
    test: str = ""
    reason: str = ""
    #: The last day (``YYYY-MM-DD``) on which the finding passes; empty: for good.
    until: str = ""
    #: Ids that the loop goes by when only a part of it is mended.
    also: tuple[str, ...] = ()

    def expired(self, today: datetime.date) -> bool:
        """Whether the last day has passed."""
        return bool(self.until) and datetime.date.fromisoformat(self.until) < today


@dataclass(frozen=True, slots=True)
class Baseline:
    """The known findings, sorted by place. A collection of entries."""

    entries: tuple[Entry, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __contains__(self, finding_id: object) -> bool:
        return any(entry.id == finding_id for entry in self.entries)

    def entry_of(self, finding: Finding) -> Entry | None:
        """The entry that ``finding`` is known by: its own, or one of the whole loop.

        Of several, which earlier releases told apart, the one that expires first.
        """
        return _first_to_expire(_met((finding.id, *finding.former_ids), _by_id(self.entries)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A session held against a baseline."""

    #: In no entry: these fail.
    new: tuple[SessionFinding, ...] = ()
    #: In an entry that has not expired: these pass.
    known: tuple[SessionFinding, ...] = ()
    #: In an entry whose last day has passed: these fail.
    expired: tuple[tuple[SessionFinding, Entry], ...] = ()
    #: Entries that nothing was found for; empty after a run that did not collect everything.
    stale: tuple[Entry, ...] = ()
    #: Entries that would be, had their test not failed or been skipped.
    unproven: tuple[Entry, ...] = ()
    #: Entries that go by an id of an earlier release, which an update renews.
    outdated: tuple[Entry, ...] = ()

    def fails(self, *, strict: bool = False) -> bool:
        """Whether a finding is new or expired or, where ``strict``, an entry is stale."""
        return bool(self.new or self.expired or (strict and self.stale))


def compare(
    baseline: Baseline,
    findings: Iterable[SessionFinding],
    *,
    today: datetime.date,
    complete: bool,
    unproven: Collection[str] = (),
) -> Comparison:
    """Hold ``findings`` against ``baseline``.

    ``complete`` says that everything ran: else nothing is called stale, for it may only
    not have been reached. Nor is what an ``unproven`` test was the first to meet, one that
    failed or was skipped. An expired entry that nothing was found for is stale.
    """
    entries = _by_id(baseline)
    found = [(each, _met(each.names, entries)) for each in findings]
    met = [(each, entry) for each, all_of in found if (entry := _first_to_expire(all_of))]
    reached = {entry.id for _, all_of in found for entry in all_of}
    former = {name for each, _ in found for name in each.finding.former_ids}
    gone = [each for each in baseline if each.id not in reached] if complete else []
    return Comparison(
        new=tuple(each for each, all_of in found if not all_of),
        known=tuple(each for each, entry in met if not entry.expired(today)),
        expired=tuple((each, entry) for each, entry in met if entry.expired(today)),
        stale=tuple(each for each in gone if each.test not in unproven),
        unproven=tuple(each for each in gone if each.test in unproven),
        outdated=tuple(each for each in baseline if each.id in former),
    )


def _by_id(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The entry of each id; one that is an entry's own goes to that one."""
    entries = list(entries)
    others = {name: entry for entry in entries for name in entry.also}
    return others | {entry.id: entry for entry in entries}


def _met(names: Iterable[str], known: Mapping[str, Entry]) -> list[Entry]:
    """The entries of a finding, that of its own id first."""
    return list({known[name].id: known[name] for name in names if name in known}.values())


def _first_to_expire(entries: Iterable[Entry]) -> Entry | None:
    return min(entries, key=lambda entry: entry.until or _NEVER, default=None)


def update(
    baseline: Baseline,
    findings: Iterable[SessionFinding],
    mode: UpdateMode = "all",
    *,
    base_dir: str,
    complete: bool,
) -> Baseline:
    """``baseline`` brought up to date: entries for new findings, stale entries dropped.

    ``new-only`` drops nothing and ``prune`` adds nothing. Entries that stay keep what
    people wrote in them, also a last day that has passed: whoever wants it moved moves
    it. So does the new entry of a loop whose function or file has another name now. The
    entry of a loop that is mended in part goes by what is left. After a run that did not
    collect everything no entry is dropped. Ids of earlier releases are renewed.
    """
    found = list(findings)
    baseline = _united(baseline, found)
    known = _by_id(baseline)
    met: dict[str, list[SessionFinding]] = {entry.id: [] for entry in baseline}
    for each in found:
        for entry in _met(each.names, known)[:1]:
            met[entry.id].append(each)
    drops = complete and mode != "new-only"
    kept = [
        _renewed(entry, met[entry.id], mode, base_dir, drops=drops) if met[entry.id] else entry
        for entry in baseline
        if met[entry.id] or not drops
    ]
    new = [each for each in found if not _met(each.names, known)] if mode != "prune" else []
    entries = [_entry([each], base_dir) for each in new]
    gone = [entry for entry in baseline if complete and not met[entry.id]]
    return _sorted([*kept, *_with_words(entries, gone)])


def _with_words(new: Sequence[Entry], gone: Sequence[Entry]) -> Iterator[Entry]:
    """``new`` entries, with what people wrote of a loop that was only renamed or moved.

    That is so where one of those ``gone`` fits one of the ``new`` and no other does.
    """
    for entry in new:
        former = [old for old in gone if _is_moved(old, entry)]
        others = [each for old in former for each in new if _is_moved(old, each)]
        is_it = len(former) == len(others) == 1
        words = former[0] if is_it else entry
        yield replace(entry, reason=words.reason, until=words.until)


def _is_moved(old: Entry, new: Entry) -> bool:
    """Whether the same test meets, by the same rule, a function by another name, or elsewhere.

    In a function of the same name and place it would be another loop.
    """
    renamed = (old.file == new.file) != (old.function == new.function)
    return renamed and (old.rule, old.test) == (new.rule, new.test)


def _united(baseline: Baseline, found: Iterable[SessionFinding]) -> Baseline:
    """``baseline`` with one entry for what earlier releases told apart and is one by now."""
    entries = {entry.id: entry for entry in baseline}
    for each in found:
        first, *others = [name for name in each.names if name in entries] or [""]
        for other in others:
            entries[first] = _both(entries[first], entries.pop(other))
    return Baseline(tuple(entries.values()))


def _both(one: Entry, other: Entry) -> Entry:
    """Both as one that says all that people wrote, and expires when the first of them does."""
    reasons = dict.fromkeys(entry.reason for entry in (one, other) if entry.reason)
    until = min(entry.until or _NEVER for entry in (one, other))
    also = {*one.also, *other.also} - {one.id, other.id}
    return replace(
        one,
        reason="; ".join(reasons),
        until="" if until == _NEVER else until,
        also=tuple(sorted(also)),
    )


def _renewed(
    entry: Entry, met: list[SessionFinding], mode: UpdateMode, base_dir: str, *, drops: bool
) -> Entry:
    """``entry`` as what was ``met`` of its loop is known by."""
    whole = any(entry.id in each.names for each in met)
    now = _entry(sorted(met, key=lambda each: entry.id not in each.names), base_dir)
    former = {name: other for each in met for name, other in _former_ids(each)}
    also = {name for each in met for name in each.ids}
    if mode == "prune":
        also = {name for name in also if not {*entry.also}.isdisjoint((name, *former[name]))}
    if not drops:
        also |= {*entry.also} - {other for others in former.values() for other in others}
    if whole:
        entry = replace(entry, id=now.id)
    elif drops:
        entry = replace(now, test=entry.test, reason=entry.reason, until=entry.until)
    return replace(entry, also=tuple(sorted(also - {entry.id})))


def _former_ids(found: SessionFinding) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What earlier releases called the finding and each of its parts."""
    finding = found.finding
    yield from ((each.id, each.former_ids) for each in finding.statements)
    yield finding.id, finding.former_ids


def _entry(found: list[SessionFinding], base_dir: str) -> Entry:
    """An entry for the first of ``found``, of which the others are parts."""
    first = found[0]
    finding, site = first.finding, first.finding.site
    file = places.relative(site.file, base_dir) or site.file.replace(os.sep, "/")
    test = first.scopes[0] if first.scopes else ""
    ids = {name for each in found for name in each.ids} - {finding.id}
    return Entry(finding.id, finding.rule, file, site.function, test, also=tuple(sorted(ids)))


def _sorted(entries: Iterable[Entry]) -> Baseline:
    """``entries`` by place; each id once."""
    unique = {entry.id: entry for entry in entries}
    return Baseline(tuple(sorted(unique.values(), key=_place)))


def _place(entry: Entry) -> tuple[str, ...]:
    return (entry.file, entry.function, entry.rule, entry.id)


# ── the file ────────────────────────────────────────────────────────────────────────


def load(path: str | os.PathLike[str]) -> Baseline:
    """The baseline in the file ``path``. Raises ``ConfigError``, which names the file."""
    return loads(read_text(path), os.fspath(path))


def save(path: str | os.PathLike[str], baseline: Baseline) -> None:
    """Write ``baseline`` to ``path``, whole or not at all. Raises ``ConfigError``."""
    write_text(path, dumps(baseline))


def dumps(baseline: Baseline) -> str:
    """The text of a baseline file: one entry a line, what is empty left out."""
    lines = [f"    {_line(entry)}" for entry in _sorted(baseline)]
    entries = "\n" + ",\n".join(lines) + "\n  " if lines else ""
    return f'{{\n  "schema_version": {SCHEMA_VERSION},\n  "findings": [{entries}]\n}}\n'


def _line(entry: Entry) -> str:
    written = {
        key: value
        for key, value in records.plain(entry).items()
        if value or key in ("id", "rule", "file", "function")
    }
    return json.dumps(written)


def loads(text: str, name: str = "baseline") -> Baseline:
    """The baseline that ``dumps`` wrote, as people may have edited it.

    Raises ``ConfigError``, naming the file, the key, the value and what is allowed; also
    for a key that is not known, which may be ``until`` misspelled.
    """
    with records.naming(name):
        return _read(records.parse(text, once=True))


def _read(document: Mapping[str, Any]) -> Baseline:
    records.check_kind(document, records.BASELINE)
    records.check_version(document, SCHEMA_VERSION)
    records.check_keys(document, ("schema_version", "findings"))
    listed = document.get("findings", records.MISSING)
    if not isinstance(listed, list):
        raise records.fault("/findings", listed, "a list")
    entries = [_read_entry(each, f"/findings/{index}") for index, each in enumerate(listed)]
    _refuse_twins(entries)
    return _sorted(entries)


def _read_entry(value: object, where: str) -> Entry:
    day = value.get("until", "") if isinstance(value, dict) else ""
    if not isinstance(day, str):
        raise records.fault(f"{where}/until", day, _DAY_IN_WORDS)
    entry = records.read(Entry, value, where, strict=True)
    if not entry.id:
        raise records.fault(f"{where}/id", entry.id, "the id of a finding")
    if entry.rule not in RULES:
        raise records.fault(f"{where}/rule", entry.rule, ", ".join(RULES))
    if entry.until and not _is_day(entry.until):
        raise records.fault(f"{where}/until", entry.until, _DAY_IN_WORDS)
    # White space and nothing are the same to people.
    return replace(entry, reason=entry.reason.strip())


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text) and datetime.date.fromisoformat(text))
    except ValueError:
        return False


def _refuse_twins(entries: Iterable[Entry]) -> None:
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        if entry.id in seen:
            where = f"/findings/{index}/id"
            raise records.fault(where, entry.id, "an id that no other entry has")
        seen.add(entry.id)
