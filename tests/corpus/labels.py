"""What a pattern expects of a report: the decorators, and the reader of the label comments."""

from __future__ import annotations

import ast
import importlib
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

MODULES = (
    "forward",
    "reverse",
    "many",
    "inheritance",
    "deferred",
    "querysets",
    "keys",
    "nested",
    "raw",
    "writes",
    "shapes",
    "recursion",
    "bounds",
    "aliases",
    "coroutines",
    "prefetching",
    "duplicates",
    "units",
    "idioms",
    "healthy",
)

KINDS = ("site", "loop", "origin", "assigned")

Function = Callable[[int], Any]
Count = Callable[[int], "int | set[int]"]


def identity(n: int) -> int:
    return n


@dataclass(frozen=True, slots=True)
class Expected:
    """One finding that a pattern must lead to."""

    #: Any of these will do; more than one only where the design leaves it open.
    rules: tuple[str, ...]
    relation: str | None = None
    #: Executions of the most frequent statement; ``None`` where not fixed.
    turns: Count | None = identity
    #: Executions of all statements together.
    total: Count | None = None
    #: SQL statements in the finding; ``None`` where versions of Django differ.
    statements: int | None = 1
    #: False: no origin may be named. "optional": none, or the labelled one.
    origin: bool | str = True
    #: "optional": whether an assignment is named is not judged.
    assigned: bool | str = True
    loop_kind: str | None = None
    tag: str = ""
    any_line: bool = False


@dataclass(slots=True)
class Pattern:
    """A function of the corpus and what must become of it."""

    function: Function
    expected: list[Expected] = field(default_factory=list)
    healthy: bool = False
    twin: Function | None = None
    cleared: tuple[str, ...] = ()
    #: Whether the number of queries grows with the data.
    grows: bool = True
    databases: tuple[str, ...] = ("default",)
    #: Called with ``n`` before the scope opens; its result is handed to the pattern.
    setup: Function | None = None
    available: bool = True
    #: The smallest size at which there is more than one turn to see.
    smallest: int = 0
    #: Whether it opens transactions of its own, not only savepoints.
    transactional: bool = False

    @property
    def module(self) -> str:
        return self.function.__module__.rpartition(".")[2]

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def path(self) -> Path:
        return HERE / f"{self.module}.py"

    @property
    def plain(self) -> bool:
        """Whether its frames are on the stack of its queries, in numbers that grow."""
        return self.grows and self.module != "coroutines"

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


_patterns: dict[Function, Pattern] = {}


def loop(
    *rules: str,
    cleared: str | tuple[str, ...] = (),
    grows: bool = True,
    databases: tuple[str, ...] = ("default",),
    setup: Function | None = None,
    available: bool = True,
    smallest: int = 0,
    transactional: bool = False,
    **expected: Any,
) -> Callable[[Function], Function]:
    """Expect one finding of one of the ``rules``; ``expected`` are fields of `Expected`."""

    def decorate(function: Function) -> Function:
        pattern = _patterns.setdefault(function, Pattern(function))
        pattern.expected.append(Expected(rules, **expected))
        pattern.cleared = (cleared,) if isinstance(cleared, str) else cleared
        pattern.grows = grows
        pattern.databases = databases
        pattern.setup = setup
        pattern.available = available
        pattern.smallest = smallest
        pattern.transactional = transactional
        return function

    return decorate


def healthy(
    *,
    twin: Function | None = None,
    cleared: str | tuple[str, ...] = (),
    grows: bool = False,
    databases: tuple[str, ...] = ("default",),
    setup: Function | None = None,
    available: bool = True,
    transactional: bool = False,
) -> Callable[[Function], Function]:
    """Expect no finding; with ``cleared``, a cleared group with one of these reasons."""

    def decorate(function: Function) -> Function:
        _patterns[function] = Pattern(
            function,
            healthy=True,
            twin=twin,
            cleared=(cleared,) if isinstance(cleared, str) else cleared,
            grows=grows,
            databases=databases,
            setup=setup,
            available=available,
            transactional=transactional,
        )
        return function

    return decorate


@contextmanager
def unlisted() -> Iterator[None]:
    """Functions that are decorated meanwhile do not join the corpus."""
    known = dict(_patterns)
    try:
        yield
    finally:
        _patterns.clear()
        _patterns.update(known)


def patterns() -> list[Pattern]:
    """Every pattern, in the order of the files."""
    for module in MODULES:
        importlib.import_module(f"tests.corpus.{module}")
    return list(_patterns.values())


# --- labels -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """A labelled line: ``tag`` is empty where the label belongs to the whole function."""

    file: str
    line: int
    kind: str
    tag: str
    #: The pattern whose lines it lies in; empty elsewhere.
    pattern: str


_WORD = rf"(?:{'|'.join(KINDS)})(?::\w+)?"
_BLANK = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
_COMMENT = re.compile(rf"#\s*({_WORD}(?:\s+{_WORD})*)\s*")


@lru_cache(maxsize=1)
def labels() -> tuple[Label, ...]:
    """Every label of the corpus."""
    return tuple(found for path in sorted(HERE.glob("*.py")) for found in _labels_of(path))


def _labels_of(path: Path) -> Iterator[Label]:
    text = path.read_text(encoding="utf-8")
    owners = dict(_owned_lines(ast.parse(text)))
    above: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        match = token.type == tokenize.COMMENT and _COMMENT.fullmatch(token.string)
        words = match.group(1).split() if match else []
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip():
            above += words
        elif token.type not in _BLANK:
            line = token.start[0]
            for word in above + words:
                kind, _, tag = word.partition(":")
                yield Label(str(path), line, kind, tag, owners.get(line, ""))
            above = []


def _owned_lines(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The lines of the patterns of a module, each with the pattern's name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_pattern(node):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                yield line, node.name


def _is_pattern(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    called = [d.func for d in node.decorator_list if isinstance(d, ast.Call)]
    return any(isinstance(name, ast.Name) and name.id in {"loop", "healthy"} for name in called)


def lines(pattern: Pattern, expected: Expected, kind: str) -> set[tuple[str, int]]:
    """The (file, line) pairs that ``expected`` may or must name as its ``kind``."""
    of_kind = [label for label in labels() if label.kind == kind]
    own = [
        label
        for label in of_kind
        if label.pattern == pattern.name and label.file == str(pattern.path)
    ]
    names = {expected.tag, pattern.name} - {""}
    elsewhere = [label for label in of_kind if label.tag in names and not label.pattern]
    for chosen in (
        [label for label in own if expected.tag and label.tag == expected.tag],
        [label for label in own if not label.tag],
        elsewhere,
    ):
        if chosen:
            return {(label.file, label.line) for label in chosen}
    return set()
