"""Query loops that may stay: comments, ``with ignore(…)`` and entries of the settings.

Every ignore carries a reason, and one that suppressed nothing is reported, so that
none outlives the loop it was written for.
"""

from __future__ import annotations

import difflib
import fnmatch
import inspect
import linecache
import os
import re
import sys
import tokenize
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import wrapt

from nplusone_guard.capture.scope import active_ignores, current_scope
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.field_names import is_slip, missing
from nplusone_guard.policy import RULES, IgnoreEntry, Policy, UnusedIgnore

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Site

_F = TypeVar("_F", bound=Callable[..., Any])

#: Files whose comments are remembered.
MAX_FILES: Final = 1_000
#: Different blocks whose use is remembered.
MAX_BLOCKS: Final = 10_000

_MARK: Final = re.compile(
    r"#\s*nplusone:\s*ignore\b\s*(?:\[(?P<rules>[^\]]*)\])?[\s:-]*"
    # Another tool's comment may follow on the same line.
    r"(?P<reason>.*?)\s*(?:\s#\s.*)?$"
)
#: A comment of Django's template language, or of Jinja2's.
_IN_TEMPLATE: Final = re.compile(r"\{#-?\s*(nplusone:.*?)\s*-?#\}")
_FIELD: Final = re.compile(r"\w+\.\w+\.(\w+|\*)")


# ── what an ignore may say ──────────────────────────────────────────────────────────


def closest(word: object, known: Iterable[str]) -> str:
    """``Did you mean "…"?``, or what there is to choose from."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(str(word).casefold(), folded, n=1)
    if near:
        return f'Did you mean "{folded[near[0]]}"?'
    return f"Known: {', '.join(folded.values())}."


def entry_faults(given: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with a targeted ignore: pairs of a fault and what to do about it.

    ``given`` holds ``reason`` and the criteria by their names in ``IgnoreEntry``.
    """
    return [
        fault
        for name, value in given.items()
        if value is not None and name != "reason"
        for fault in _criterion_faults(name, value)
    ] + reason_faults(given.get("reason"))


def reason_faults(reason: object) -> list[tuple[str, str]]:
    """An ignore without a reason is worth nothing to whoever meets it next year."""
    if isinstance(reason, str) and reason.strip():
        return []
    return [("has no reason", "Say why these queries may stay.")]


def slip_faults(field: str, test_file: Path | None = None) -> list[tuple[str, str]]:
    """A field is one that some model has; what other settings may have passes.

    ``test_file`` may define models of its own.
    """
    found = missing(field)
    if found is None or not is_slip(found, test_file):
        return []
    return [(f"names {field!r}, but {found.text}", found.hint)]


def rule_faults(rule: object) -> list[tuple[str, str]]:
    """A rule is named by its slug."""
    if isinstance(rule, str) and rule in RULES:
        return []
    return [(f"names {rule!r}, which is not a rule", closest(rule, RULES))]


def _criterion_faults(name: str, value: object) -> list[tuple[str, str]]:
    if name == "rule":
        return rule_faults(value)
    if not isinstance(value, str) or not value.strip():
        return [(f"has {value!r} for {name}", "Allowed: a string that is not empty.")]
    if name == "field" and not _FIELD.fullmatch(value):
        hint = 'Allowed: "app.Model.field" or "app.Model.*".'
        return [(f"has {value!r} for field", hint)]
    return []


# ── in code: with ignore(…), @ignore(…) ─────────────────────────────────────────────


class ignore:  # noqa: N801 - reads as the verb it is: ``with ignore("rule", reason=…)``
    """Query loops inside the block, or inside the decorated function, may stay.

    ``rule`` is a slug (any rule when left out), ``path`` a glob for the file of the
    call or the loop, ``field`` an ``app.Model.field``; all that are given must match.
    ``reason`` is mandatory. Raises ``ConfigError`` at once for anything else.

    It holds no state of its own: one object may be entered many times, in threads,
    tasks and recursion.
    """

    __slots__ = ("entry", "where")

    def __init__(
        self,
        rule: str | None = None,
        *,
        path: str | None = None,
        field: str | None = None,
        reason: str,
    ) -> None:
        found = entry_faults({"rule": rule, "path": path, "field": field, "reason": reason})
        if found:
            raise ConfigError(f"ignore(…) {found[0][0]}. {found[0][1]}")
        caller = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is this, optional
        #: ``file:line`` that made it.
        self.where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        self.entry = IgnoreEntry(reason.strip(), rule, path, field, where="ignore()")

    def __enter__(self) -> ignore:  # noqa: PYI034 - Self needs Python 3.11
        active_ignores.set((*active_ignores.get(), self))
        scope = current_scope.get()
        while scope is not None:
            # A block inside a loop is met every turn and noted once.
            if all(opened.block != self for opened in scope.ignores_opened):
                scope.ignores_opened.append(_Opened(self, _uses.get(self, 0)))
            scope = scope.parent
        return self

    def __exit__(self, *error: object) -> None:
        active = active_ignores.get()
        for position in reversed(range(len(active))):
            if active[position] is self:
                active_ignores.set(active[:position] + active[position + 1 :])
                return

    async def __aenter__(self) -> ignore:  # noqa: PYI034
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__(*error)

    def __call__(self, function: _F) -> _F:
        """``function``, sync or async, with this ignore around every call of it."""
        if isinstance(function, type) or _is_generator(function):
            message = "ignore(…) decorates functions; inside a class or a generator, mark the call."
            raise ConfigError(message)

        @wrapt.decorator
        def around(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
            if inspect.iscoroutinefunction(wrapped):
                return self._await(wrapped, args, kwargs)
            with self:
                return wrapped(*args, **kwargs)

        return cast("_F", around(function))

    async def _await(self, wrapped: Any, args: Any, kwargs: Any) -> Any:
        with self:
            return await wrapped(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ignore):
            return NotImplemented
        return (self.where, self.entry) == (other.where, other.entry)

    def __hash__(self) -> int:
        return hash((self.where, self.entry))

    def __repr__(self) -> str:
        return f"ignore({describe(self.entry)})"


class _Opened(NamedTuple):
    """A block that a scope has seen opened, and how often it had been of use by then."""

    block: ignore
    uses: int


#: How often equal blocks suppressed something in this process. A block may be opened in
#: one scope and be of use in another, such as a request inside the scope of a test.
_uses: dict[ignore, int] = {}


def _note_use(block: ignore) -> None:
    if len(_uses) >= MAX_BLOCKS:
        _uses.clear()
    _uses[block] = _uses.get(block, 0) + 1


def _is_generator(function: object) -> bool:
    function = getattr(function, "__func__", function)  # classmethod and staticmethod
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def describe(entry: IgnoreEntry) -> str:
    """The criteria and the reason of ``entry``, as one writes them in code."""
    named = {"rule": entry.rule, "path": entry.path, "field": entry.field, "id": entry.finding}
    given = [f"{name}={value!r}" for name, value in named.items() if value is not None]
    return ", ".join([*given, f"reason={entry.reason!r}"])


# ── in comments: # nplusone: ignore[rule] reason ────────────────────────────────────


class CommentIgnore(NamedTuple):
    """One ignore comment; where ``problem`` says something it suppresses nothing."""

    file: str
    line: int
    #: ``None``: any rule.
    rules: frozenset[str] | None
    reason: str
    text: str
    problem: str = ""

    def covers(self, rule: str) -> bool:
        """Whether a finding of ``rule`` on this line is suppressed."""
        return not self.problem and (self.rules is None or rule in self.rules)


def comment_for(file: str, line: int) -> CommentIgnore | None:
    """The ignore comment for ``line`` of ``file``.

    It stands on the line itself, or on the first or the last line of the statement
    that ``line`` is part of.
    """
    return _comments(file).get(line)


_Comments = dict[int, CommentIgnore]

#: File → its size and time of change, and its comments by every line they count for.
_files: dict[str, tuple[object, _Comments]] = {}


def _comments(file: str) -> _Comments:
    state = _state(file)
    known = _files.get(file)
    if known is None or known[0] != state:
        if len(_files) >= MAX_FILES:
            _files.clear()
        known = _files[file] = (state, _read(file))
    return known[1]


def _state(file: str) -> object:
    try:
        stat = Path(file).stat()
    except (OSError, ValueError):
        return None
    return stat.st_mtime_ns, stat.st_size


def _read(file: str) -> _Comments:
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    # Few files hold one, and tokenizing is a hundred times slower than looking.
    if not any("nplusone:" in line for line in lines):
        return {}
    if not file.endswith(".py") and any(_IN_TEMPLATE.search(line) for line in lines):
        return _read_template(file, lines)
    found: _Comments = {}
    for statement in _statements(lines):
        found.update(statement.comments(file))
    return found


def _read_template(file: str, lines: list[str]) -> _Comments:
    """``{# nplusone: ignore[rule] reason #}``, on the line that it counts for."""
    found: _Comments = {}
    for number, line in enumerate(lines, 1):
        text = _IN_TEMPLATE.search(line)
        comment = _parse(file, number, f"# {text[1]}") if text is not None else None
        if comment is not None:
            found[number] = comment
    return found


class _Statement(NamedTuple):
    """The physical lines of one logical line, with the comments on them."""

    first: int
    last: int
    texts: dict[int, str]

    def comments(self, file: str) -> _Comments:
        """The comment that counts for each line: its own before one on an edge."""
        parsed = {line: _parse(file, line, text) for line, text in self.texts.items()}
        edge = parsed.get(self.first) or parsed.get(self.last)
        lines = {line: parsed.get(line) or edge for line in range(self.first, self.last + 1)}
        return {line: comment for line, comment in lines.items() if comment is not None}


def _statements(lines: list[str]) -> Iterator[_Statement]:
    first, texts = 0, dict[int, str]()
    for token in _tokens(lines):
        if token.type == tokenize.COMMENT:
            texts[token.start[0]] = token.string
        elif token.type == tokenize.NEWLINE:
            yield _Statement(first or token.start[0], token.start[0], texts)
            first, texts = 0, {}
        elif not first and token.type not in _OUTSIDE:
            first = token.start[0]
            texts = {}  # comments on lines of their own belong to no statement


_OUTSIDE: Final = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
)


def _tokens(lines: list[str]) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(iter(lines).__next__)
    except (tokenize.TokenError, SyntaxError, StopIteration):
        return  # a template, or a file that changed under us: what was read so far counts


def _parse(file: str, line: int, text: str) -> CommentIgnore | None:
    found = _MARK.search(text)
    if found is None:
        return None
    rules = _rules(found["rules"])
    reason = found["reason"].strip()
    problem = _problem(found["rules"], rules, reason)
    return CommentIgnore(file, line, rules, reason, text.strip(), problem)


def _rules(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    return frozenset(rule.strip() for rule in text.split(",") if rule.strip())


def _problem(brackets: str | None, rules: frozenset[str] | None, reason: str) -> str:
    if brackets is not None and not rules:
        return "names no rule between the brackets, so it ignores nothing."
    found = [fault for rule in sorted(rules or ()) for fault in rule_faults(rule)]
    found += reason_faults(reason)
    return f"{found[0][0]}, so it ignores nothing. {found[0][1]}" if found else ""


# ── which ignore suppresses a finding ───────────────────────────────────────────────


def match(
    rule: str,
    site: Site,
    loop: Site | None,
    relation: str,
    ids: Collection[str],
    entry: IgnoreEntry | ignore,
    *,
    base_dir: str | None = None,
) -> bool:
    """Whether every criterion that ``entry`` gives fits; ``ids`` are those of the finding."""
    if isinstance(entry, ignore):
        entry = entry.entry
    return (
        entry.rule in (None, rule)
        and (entry.finding is None or entry.finding in ids)
        and (entry.field is None or _same_field(relation, entry.field))
        and (entry.path is None or _on_path(entry.path, site, loop, base_dir))
    )


def _same_field(relation: str, field: str) -> bool:
    if field.endswith(".*"):
        return relation.startswith(field[:-1])
    return relation == field


def _on_path(glob: str, site: Site, loop: Site | None, base_dir: str | None) -> bool:
    base = str(base_dir or Path.cwd()).rstrip(os.sep) + os.sep
    for place in (site, loop):
        if place is None:
            continue
        if fnmatch.fnmatch(place.file, glob):
            return True
        if place.file.startswith(base) and fnmatch.fnmatch(place.file[len(base) :], glob):
            return True
    return False


def find_ignore(
    rule: str,
    site: Site,
    loop: Site | None,
    relation: str,
    ids: Collection[str],
    active: Iterable[object],
    policy: Policy,
) -> tuple[str, object] | None:
    """The reason to let these queries be, and the ignore that gives it; or ``None``.

    Asked in turn: comments on the line of the call and of the loop, the blocks that
    were active (innermost first), the entries of the policy.
    """
    comment = _comment_on(rule, site, loop)
    if comment is not None:
        return f"comment: {comment.reason}", comment
    facts = (rule, site, loop, relation, ids)
    for block in reversed(tuple(active)):
        if isinstance(block, ignore) and match(*facts, block, base_dir=policy.base_dir):
            _note_use(block)
            return f"{block.entry.where}: {block.entry.reason}", block
    for entry in policy.ignores:
        if match(*facts, entry, base_dir=policy.base_dir):
            _used_entries.add(entry)
            return f"{entry.where}: {entry.reason}", entry
    return None


def _comment_on(rule: str, site: Site, loop: Site | None) -> CommentIgnore | None:
    for place in (site, loop):
        comment = comment_for(place.file, place.line) if place is not None else None
        if comment is not None and comment.covers(rule):
            return comment
    return None


# ── ignores that suppressed nothing ─────────────────────────────────────────────────

#: Entries that suppressed something since the process started.
_used_entries: set[IgnoreEntry] = set()

_FOUND_NOTHING: Final = "suppressed nothing here; remove it."


def unused(
    reached: Iterable[Site], opened: Iterable[Any], used: Collection[object]
) -> tuple[UnusedIgnore, ...]:
    """The comments on the lines ``reached`` that are not ``used``, and idle blocks.

    ``opened`` is what a scope has noted in ``ignores_opened``. A comment that is wrong
    in itself is among them, with what is wrong.
    """
    comments = dict.fromkeys(comment_for(site.file, site.line) for site in reached)
    found = [
        _unused(f"{comment.file}:{comment.line}", comment.text, comment.problem)
        for comment in comments
        if comment is not None and comment not in used
    ]
    found += [
        _unused(block.where, repr(block), why_unused(block.entry, _FOUND_NOTHING))
        for block, uses in opened
        if _uses.get(block, 0) == uses
    ]
    return tuple(found)


def _unused(where: str, text: str, reason: str = "") -> UnusedIgnore:
    return UnusedIgnore(where, text, reason or _FOUND_NOTHING)


def why_unused(entry: IgnoreEntry, nothing: str) -> str:
    """That ``entry`` names what there is not; else ``nothing``, that it suppressed nothing."""
    found = missing(entry.field) if entry.field is not None else None
    if found is None:
        return nothing
    return f"suppressed nothing: {found.text}. {found.hint if found.meant else 'Remove it.'}"


def unused_settings_ignores(
    policy: Policy, nothing: str = _FOUND_NOTHING
) -> tuple[UnusedIgnore, ...]:
    """The entries of ``policy`` that suppressed nothing since the process started.

    ``nothing`` tells that of one that names what there is.
    """
    return tuple(
        _unused(entry.where, describe(entry), why_unused(entry, nothing))
        for entry in policy.ignores
        if entry not in _used_entries
    )


def forget_used_entries() -> None:
    """Start counting anew which entries suppress something, as at the start of a session."""
    _used_entries.clear()
