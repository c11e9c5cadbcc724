"""Syntax trees of the user's files, with the way up from each node, and what names stand for."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import TypeAlias

from nplusone_guard.analysis.loops import Position, position_of
from nplusone_guard.analysis.scopes import SourceIndex
from nplusone_guard.analysis.sources import index_of, module_of
from nplusone_guard.capture.parsing import parse

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
ForNode: TypeAlias = ast.For | ast.AsyncFor
ComprehensionNode: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
LoopNode: TypeAlias = ast.For | ast.AsyncFor | ast.While | ComprehensionNode

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LOOPS = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

#: Trees kept; a tree of a thousand lines takes some 2 MiB.
_TREES = 24


class Tree:
    """The syntax tree of one file."""

    def __init__(self, index: SourceIndex) -> None:
        self.file = index.file
        self.module = parse("\n".join(index.lines))
        self.parents: dict[ast.AST, ast.AST] = {}
        #: Expressions by where they end, outer ones first.
        self.ending: dict[tuple[int | None, int | None], list[ast.expr]] = defaultdict(list)
        #: Nodes by the line on which they start, outer ones first.
        self.starting: dict[int, list[ast.AST]] = defaultdict(list)
        self.statements: list[ast.stmt] = []
        self._bound: dict[FunctionNode, list[tuple[str, Bound]]] = {}
        for node in ast.walk(self.module):
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        self.parents.update(dict.fromkeys(ast.iter_child_nodes(node), node))
        self.starting[getattr(node, "lineno", 0)].append(node)
        if isinstance(node, ast.expr):
            self.ending[node.end_lineno, node.end_col_offset].append(node)
        elif isinstance(node, ast.stmt):
            self.statements.append(node)

    def bindings(self, function: FunctionNode) -> list[tuple[str, Bound]]:
        """The names that a function binds, in the order of the source."""
        if function not in self._bound:
            self._bound[function] = bindings(function)
        return self._bound[function]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, the nearest first."""
        parent = self.parents.get(node)
        while parent is not None:
            yield parent
            parent = self.parents.get(parent)

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The statement that a node is, or stands in."""
        if isinstance(node, ast.stmt):
            return node
        return next((one for one in self.above(node) if isinstance(one, ast.stmt)), None)

    def function(self, node: ast.AST) -> FunctionNode | None:
        """The function around a node; lambdas do not count."""
        return next((one for one in self.above(node) if isinstance(one, FUNCTIONS)), None)

    def class_around(self, node: ast.AST) -> ast.ClassDef | None:
        """The class whose method a node stands in."""
        function = self.function(node)
        parent = self.parents.get(function) if function is not None else None
        return parent if isinstance(parent, ast.ClassDef) else None

    def loops(self, node: ast.AST) -> Iterator[LoopNode]:
        """The loops of its own function that a node is in the body of, the innermost first."""
        below = node
        for one in self.above(node):
            if isinstance(one, FUNCTIONS):
                return
            if isinstance(one, LOOPS) and in_body(one, below):
                yield one
            below = one

    @property
    def is_loaded(self) -> bool:
        """Whether the module of the file is at hand, with what its names stand for."""
        return module_of(self.file) is not None

    def global_value(self, name: str) -> object:
        """What a name of the module is bound to now; ``None`` where it is not."""
        module = module_of(self.file)
        return vars(module).get(name) if module is not None else None

    def nodes_on(self, line: int) -> list[ast.AST]:
        """The nodes that start on a line, outer ones first."""
        return list(self.starting.get(line, ()))


def in_body(loop: ast.AST, below: ast.AST) -> bool:
    """Whether a direct part of a loop runs once a turn."""
    if isinstance(loop, (ast.For, ast.AsyncFor)):
        return below is not loop.iter and below not in loop.orelse
    if isinstance(loop, COMPREHENSIONS):
        return below is not loop.generators[0]
    return True


def shared_statement(tree: Tree, nodes: Sequence[ast.AST]) -> ast.stmt | None:
    """The first statement of the innermost block that all nodes of a function stand in.

    Only one that begins a line of its own, so that another can go before it: no ``elif``, and
    nothing behind a colon or semicolon.
    """
    first, *others = nodes
    around = [{id(node), *map(id, tree.above(node))} for node in others]
    for one in (first, *tree.above(first)):
        if isinstance(one, FUNCTIONS):
            return None
        if not isinstance(one, ast.stmt):
            continue
        block = _block_of(tree, one)
        ids = set(map(id, block))
        if _begins_a_line(tree, one, block) and all(ids & each for each in around):
            return one
    return None


def _block_of(tree: Tree, statement: ast.stmt) -> list[ast.stmt]:
    """The statements beside it, itself among them."""
    parent = tree.parents.get(statement)
    fields = ast.iter_fields(parent) if parent is not None else ()
    return next(
        (value for _, value in fields if isinstance(value, list) and statement in value), []
    )


def _begins_a_line(tree: Tree, statement: ast.stmt, block: list[ast.stmt]) -> bool:
    parent = tree.parents.get(statement)
    is_else = (
        isinstance(statement, ast.If) and isinstance(parent, ast.If) and block is parent.orelse
    )
    if is_else and statement.col_offset == getattr(parent, "col_offset", -1):
        return False  # it is an elif
    lines = [
        getattr(parent, "lineno", 0),
        *(one.end_lineno for one in block if one is not statement),
    ]
    return statement.lineno not in lines


@lru_cache(maxsize=_TREES)
def _tree(index: SourceIndex) -> Tree:
    return Tree(index)


def tree_of(file: str) -> Tree | None:
    """The tree of a source file; ``None`` where it cannot be read or parsed."""
    index = index_of(file)
    return _tree(index) if index is not None else None


@dataclass(frozen=True, slots=True)
class Spot:
    """A node of a tree, and the frames that were on the stack outside of it."""

    tree: Tree
    node: ast.AST
    #: (code object, instruction offset) of the callers, the nearest first.
    callers: tuple[tuple[CodeType, int], ...] = ()
    #: False where only the line is known (Python 3.10): the node is then a statement.
    exact: bool = True

    @property
    def line(self) -> int:
        return int(getattr(self.node, "lineno", 0))

    @property
    def text(self) -> str:
        return ast.unparse(self.node)

    def at(self, node: ast.AST) -> Spot:
        """Another node of the same frame."""
        return Spot(self.tree, node, self.callers, self.exact)

    def caller(self) -> Spot | None:
        """The call that the frame was entered by."""
        return spot_of(self.callers) if self.callers else None


def spot_of(frames: tuple[tuple[CodeType, int], ...]) -> Spot | None:
    """The node that the first of some frames was running."""
    (code, lasti), *outer = frames
    tree = tree_of(code.co_filename)
    if tree is None:
        return None
    position = position_of(code, lasti)
    node = _node_at(tree, position)
    if node is not None:
        return Spot(tree, node, tuple(outer))
    statement = _statement_on(tree, position.line)
    return Spot(tree, statement, tuple(outer), exact=False) if statement is not None else None


def _node_at(tree: Tree, position: Position) -> ast.AST | None:
    """The expression at a position; a call on a later line counts from its method's name."""
    if position.column is None or position.end_line is None:
        return None
    start, end = (position.line, position.column), (position.end_line, position.end_column)
    ending = [node for node in tree.ending.get(end, ()) if (node.lineno, node.col_offset) <= start]
    exact = [node for node in ending if (node.lineno, node.col_offset) == start]
    # Of nodes with one extent the outer one comes first: ``(yield x)`` before ``x``.
    return exact[0] if exact else max(ending, key=_start, default=None)


def _start(node: ast.expr) -> tuple[int, int]:
    return (node.lineno, node.col_offset)


def _statement_on(tree: Tree, line: int) -> ast.stmt | None:
    around = [
        node for node in tree.statements if node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)), default=None)


# -- names -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bound:
    """How a name got its value."""

    #: ``value``, ``item`` (of a loop), ``with``, ``param`` or ``other``.
    how: str
    #: The assigned expression, what is looped over, or what is entered.
    value: ast.expr | None
    #: The statement, comprehension or function that binds it.
    node: ast.AST
    #: Where the name stands in an unpacked loop variable.
    path: tuple[int, ...] = ()


def binding_of(tree: Tree, name: str, at: ast.AST) -> Bound | None:
    """What a name that is read at a node was last bound by; ``None`` for globals."""
    below = at
    for node in tree.above(at):
        if isinstance(node, COMPREHENSIONS):
            bound = _of_comprehension(node, name, below)
        elif isinstance(node, ast.Lambda):
            bound = _of_lambda(node, name) if below is node.body else None
        elif isinstance(node, FUNCTIONS):
            bound = _of_function(tree, node, name, at)
        else:
            bound = None
        if bound is not None:
            return bound
        below = node
    return None


def possible_bindings(tree: Tree, name: str, at: ast.AST) -> list[Bound]:
    """The assignments that a name may have its value from, where branches assign it, too."""
    last, function = binding_of(tree, name, at), tree.function(at)
    if last is None or last.how != "value" or function is None:
        return [last] if last is not None else []
    around = {id(one) for one in tree.above(at)}
    bound = [one for other, one in tree.bindings(function) if other == name]
    found: list[Bound] = []
    for one in reversed(bound[: bound.index(last) + 1] if last in bound else [last]):
        if one.how == "value":
            found.append(one)
        if not _is_conditional(tree, one.node, around):
            break
    return found


def _is_conditional(tree: Tree, node: ast.AST, around: Collection[int]) -> bool:
    """Whether a statement is in a block that need not be run before what ``around`` is above."""
    for one in tree.above(node):
        if isinstance(one, FUNCTIONS):
            return False
        if isinstance(one, (ast.If, ast.Try, ast.For, ast.While)) and id(one) not in around:
            return True
    return False


def _of_lambda(node: ast.Lambda, name: str) -> Bound | None:
    names = [one.arg for one in [*node.args.posonlyargs, *node.args.args]]
    defaults = dict(zip(reversed(names), reversed(node.args.defaults), strict=False))
    if name in defaults:
        return Bound("value", defaults[name], node)
    return Bound("param", None, node) if name in parameters(node.args) else None


def parameters(args: ast.arguments) -> list[str]:
    """The names of a function's parameters, in their order."""
    named = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return [one.arg for one in [*named, args.vararg, args.kwarg] if one is not None]


def _of_comprehension(node: ComprehensionNode, name: str, below: ast.AST) -> Bound | None:
    for number, part in enumerate(node.generators):
        if below is part and number == 0:
            return None
        for target, path in targets(part.target):
            if target == name:
                return Bound("item", part.iter, node, path)
    return None


def targets(node: ast.expr, path: tuple[int, ...] = ()) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names of an assignment target, each with its place in the unpacking."""
    if isinstance(node, ast.Name):
        yield node.id, path
    elif isinstance(node, (ast.Tuple, ast.List)):
        for number, part in enumerate(node.elts):
            yield from targets(part, (*path, number))
    elif isinstance(node, ast.Starred):
        yield from targets(node.value, path)


def _of_function(tree: Tree, function: FunctionNode, name: str, at: ast.AST) -> Bound | None:
    found = [bound for bound in tree.bindings(function) if bound[0] == name]
    place = (getattr(at, "lineno", 0), getattr(at, "col_offset", 0))
    inside = set(map(id, tree.above(at)))
    before = [bound for _, bound in found if _binds_before(bound, place, inside)]
    if before:
        return before[-1]
    if found:
        return found[-1][1]
    return Bound("param", None, function) if name in parameters(function.args) else None


def _binds_before(bound: Bound, place: tuple[int, int], inside: set[int]) -> bool:
    node = bound.node
    if bound.how in {"item", "with"} and id(node) not in inside:
        return (getattr(node, "end_lineno", 0), 0) < place
    if id(node) in inside and bound.how == "value":
        return isinstance(node, ast.NamedExpr)
    return (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)) < place


def bindings(function: FunctionNode) -> list[tuple[str, Bound]]:
    """The names that a function binds, in the order of the source."""
    found = [bound for node in own_nodes(function) for bound in _bindings(node)]
    return sorted(found, key=lambda pair: getattr(pair[1].node, "lineno", 0))


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run in a function's own frame, with those of its comprehensions."""
    stack = list(ast.iter_child_nodes(function))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))


def _bindings(node: ast.AST) -> Iterator[tuple[str, Bound]]:
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from _assigned(target, node.value, node) if node.value is not None else ()
    elif isinstance(node, ast.NamedExpr):
        yield node.target.id, Bound("value", node.value, node)
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        yield from ((name, Bound("item", node.iter, node, p)) for name, p in targets(node.target))
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        yield from _entered(node)
    elif isinstance(node, FUNCTIONS):
        yield node.name, Bound("other", None, node)
    elif isinstance(node, ast.AugAssign):
        yield from ((name, Bound("other", None, node)) for name, _ in targets(node.target))


def _entered(node: ast.With | ast.AsyncWith) -> Iterator[tuple[str, Bound]]:
    for item in node.items:
        for name, _ in targets(item.optional_vars) if item.optional_vars else ():
            yield name, Bound("with", item.context_expr, node)


def _assigned(target: ast.expr, value: ast.expr, node: ast.stmt) -> Iterator[tuple[str, Bound]]:
    if isinstance(target, (ast.Tuple, ast.List)):
        parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        same = len(parts) == len(target.elts)
        for part, given in zip(target.elts, parts if same else [], strict=False):
            yield from _assigned(part, given, node)
        if not same:
            for name, _ in targets(target):
                yield name, Bound("other", value, node)
    elif isinstance(target, ast.Name):
        yield target.id, Bound("value", value, node)


def names_in(node: ast.AST) -> set[str]:
    """The names that an expression reads, those of its own comprehensions not among them."""
    inner = {
        name
        for one in ast.walk(node)
        if isinstance(one, ast.comprehension)
        for name, _ in targets(one.target)
    }
    inner |= {
        name
        for one in ast.walk(node)
        if isinstance(one, ast.Lambda)
        for name in parameters(one.args)
    }
    read = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} - inner
    # What a lambda keeps as a default is read where the lambda is made.
    for one in ast.walk(node):
        if isinstance(one, ast.Lambda):
            for default in one.args.defaults:
                read |= names_in(default)
    return read


def _bound_by_module(tree: Tree) -> set[str]:
    found = {name for node in tree.module.body for name, _ in _bindings(node)}
    for node in tree.module.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(one.asname or one.name).partition(".")[0] for one in node.names}
    return found


def stored_in(loop: ast.AST) -> set[str]:
    """The names that a loop gives another value in each turn."""
    return {
        one.id
        for one in ast.walk(loop)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }


def fresh(tree: Tree, at: ast.AST, wanted: str, taken: Collection[str] = ()) -> str:
    """``wanted``, or a name like it that the function around a node does not use."""
    function = tree.function(at)
    known = {one.id for one in ast.walk(function or tree.module) if isinstance(one, ast.Name)}
    known |= set(taken)
    if function is not None:
        known |= set(parameters(function.args))
    if wanted in _bound_by_module(tree):
        known.add(wanted)
    name, number = wanted, 2
    while name in known:
        name, number = f"{wanted}_{number}", number + 1
    return name
