"""The steps of an advice, carried out on source text as an editor would: found, cut, put in.

Nothing is interpreted here. A step names a line and the expression or statement that stands there;
it is looked for in the syntax tree of the file, and the text at its place is changed.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


class CannotApply(Exception):
    """A step does not fit the source: nothing, or several things, stand where it points."""


@dataclass(frozen=True, slots=True)
class Edit:
    """``text`` in place of the characters from ``start`` to ``end``."""

    start: int
    end: int
    text: str


def edited(source: str, steps: Iterable[Any], imports: Iterable[str] = ()) -> str:
    """``source`` with all of ``steps`` applied, each meant for the text as it is now."""
    page = _Page(source)
    edits = [page.edit(step) for step in steps]
    return page.with_imports(_changed(source, edits), imports)


def _changed(source: str, edits: list[Edit]) -> str:
    """The text after all edits; several at one place are put in in their order."""
    text, limit = source, len(source) + 1
    order = sorted(range(len(edits)), key=lambda index: (edits[index].start, index), reverse=True)
    for index in order:
        edit = edits[index]
        if edit.end > limit:
            raise CannotApply("two steps change the same text")
        text = text[: edit.start] + edit.text + text[edit.end :]
        limit = edit.start
    return text


class _Page:
    """One source text, its tree, and where its lines begin."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self.lines = source.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def edit(self, step: Any) -> Edit:
        edits = {
            "append": self._append,
            "replace": self._replace,
            "insert-before": self._insert_before,
            "insert-after": self._insert_after,
            "delete": self._delete,
        }
        if step.action not in edits:
            raise CannotApply(f"unknown action {step.action!r}")
        return edits[step.action](step)

    def _append(self, step: Any) -> Edit:
        end = self._span(self._found(step))[1]
        return Edit(end, end, step.new)

    def _replace(self, step: Any) -> Edit:
        found = self._found(step)
        node = self._whole_statement(found) or found
        start, end = self._span(node)
        if isinstance(node, ast.stmt):
            return Edit(start, end, self._indented(step.new, node).strip())
        return Edit(start, end, step.new)

    def _insert_before(self, step: Any) -> Edit:
        statement = self._statement(step)
        start = self.starts[_first_line(statement) - 1]
        return Edit(start, start, self._indented(step.new, statement))

    def _insert_after(self, step: Any) -> Edit:
        statement = self._statement(step)
        end = self.starts[statement.end_lineno]
        return Edit(end, end, self._indented(step.new, statement))

    def _delete(self, step: Any) -> Edit:
        statement = self._whole_statement(self._found(step))
        if statement is None:
            raise CannotApply(f"no statement: {step.old}")
        siblings = next(body for body in _bodies(self.tree) if statement in body)
        start, end = self._span(statement)
        if len(siblings) == 1:
            return Edit(start, end, "pass")
        return Edit(self.starts[statement.lineno - 1], self.starts[statement.end_lineno], "")

    def _indented(self, text: str, statement: ast.stmt) -> str:
        return textwrap.indent(textwrap.dedent(text).strip("\n"), " " * statement.col_offset) + "\n"

    def _statement(self, step: Any) -> ast.stmt:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt) and step.line in {node.lineno, _first_line(node)}:
                return node
        raise CannotApply(f"no statement starts on line {step.line}")

    def _found(self, step: Any) -> ast.expr | ast.stmt:
        """The first node that reads ``step.old`` and reaches over ``step.line``."""
        wanted = _parsed(step.old)
        kind = ast.expr if isinstance(wanted, ast.expr) else ast.stmt
        for node in ast.walk(self.tree):
            if (
                isinstance(node, kind)
                and node.lineno <= step.line <= (node.end_lineno or node.lineno)
                and _shape(node) == _shape(wanted)
            ):
                return node
        raise CannotApply(f"line {step.line} does not have {step.old}")

    def _whole_statement(self, node: ast.expr | ast.stmt) -> ast.stmt | None:
        """The statement that consists of ``node``."""
        if isinstance(node, ast.stmt):
            return node
        for statement in ast.walk(self.tree):
            if isinstance(statement, ast.Expr) and statement.value is node:
                return statement
        return None

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0),
        )

    def _offset(self, line: int, column: int) -> int:
        """Columns of the tree count bytes."""
        text = self.lines[line - 1].encode()[:column].decode()
        return self.starts[line - 1] + len(text)

    def with_imports(self, text: str, imports: Iterable[str]) -> str:
        """``text`` with the imports that it has not yet, below its docstring and first imports."""
        known = {ast.unparse(node) for node in self.tree.body if _is_import(node)}
        missing = [line for line in imports if ast.unparse(ast.parse(line)) not in known]
        position = 0
        for node in ast.parse(text).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            if not (docstring or future):
                break
            position = node.end_lineno or node.lineno
        lines = text.splitlines(keepends=True)
        return "".join([*lines[:position], *(f"{line}\n" for line in missing), *lines[position:]])


def _parsed(text: str) -> ast.expr | ast.stmt:
    text = textwrap.dedent(text).strip()
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise CannotApply(f"does not parse: {text}") from error
    if len(body) != 1:
        raise CannotApply(f"not one expression or statement: {text}")
    return body[0].value if isinstance(body[0], ast.Expr) else body[0]


def _shape(node: ast.AST) -> str:
    return ast.dump(node).replace("ctx=Store()", "ctx=Load()")


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                yield body


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)
