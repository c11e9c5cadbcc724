"""Ignores in comments: ``# nplusone: ignore[rule] reason``."""

from __future__ import annotations

import linecache
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from nplusone_guard.ignores.faults import reason_faults, rule_faults

#: Files whose comments are remembered.
MAX_FILES: Final = 1_000

_MARK: Final = re.compile(
    r"#\s*nplusone:\s*ignore\b\s*(?:\[(?P<rules>[^\]]*)\])?[\s:-]*"
    # Another tool's comment may follow on the same line.
    r"(?P<reason>.*?)\s*(?:\s#\s.*)?$"
)
#: A comment of Django's template language, or of Jinja2's.
_IN_TEMPLATE: Final = re.compile(r"\{#-?\s*(nplusone:.*?)\s*-?#\}")


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
