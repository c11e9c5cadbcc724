"""The loops, branches and names of one source file, from one walk over its tree.

Only what the look-ups need is kept: regions, and the few expressions that may turn
out to be literal collections. The tree itself is dropped.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

#: Line (from 1) and utf-8 column (from 0), as ``ast`` and ``co_positions`` count them.
Point: TypeAlias = tuple[int, int]

#: Whether list, set and dict comprehensions run in the frame around them (PEP 709).
INLINED = sys.version_info >= (3, 12)

#: Methods that change how many items a list, set or dict holds.
_MUTATORS = frozenset(
    "add append clear discard extend insert pop popitem remove setdefault update"
    " difference_update intersection_update symmetric_difference_update".split()
)
#: Functions of ``heapq`` and ``bisect`` that grow their first argument.
_GROWERS = frozenset("heappush insort insort_left insort_right".split())
#: Which argument a builtin (or ``functools.reduce``) runs through by itself.
_ITERATED_ARGUMENT = {
    **dict.fromkeys(
        "all any dict enumerate frozenset iter list max min next reversed set sorted sum tuple"
        " zip deque Counter OrderedDict".split(),
        0,
    ),
    **dict.fromkeys("filter map reduce starmap takewhile dropwhile filterfalse".split(), 1),
}
#: Modules whose functions may be called by their full name.
_ITERATING_MODULES = frozenset("collections functools heapq itertools".split())
#: Methods that run through their only argument. Applications have methods of these
#: names, too, so all but ``join`` must be given something that runs by itself.
_ITERATING_METHODS = frozenset("extend join update writelines".split())
_CODE_NAMES = frozenset("<lambda> <listcomp> <setcomp> <dictcomp> <genexpr>".split())
_COMPREHENSION_NAMES: dict[type[ast.expr], str] = {
    ast.ListComp: "<listcomp>",
    ast.SetComp: "<setcomp>",
    ast.DictComp: "<dictcomp>",
    ast.GeneratorExp: "<genexpr>",
}

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
ComprehensionNode: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Region(NamedTuple):
    """A stretch of source, its end not included."""

    start: Point
    end: Point

    def holds(self, line: int, column: int | None) -> bool:
        """Whether the place lies inside; by line alone where the column is not known."""
        if column is None:
            return self.start[0] <= line <= self.end[0]
        return self.start <= (line, column) < self.end


@dataclass(frozen=True, slots=True)
class Binding:
    """One place where a scope gives a name a value."""

    #: ``value`` (assigned), ``item`` (loop variable), ``import``, ``class`` or ``other``.
    kind: str
    at: Point
    #: The line of the statement.
    line: int
    #: The assigned expression, or the iterable of a loop variable, if it may be a literal.
    value: ast.expr | None = None
    #: Where the name stands inside an unpacked loop variable: ``k, (a, b)`` has b at (1, 1).
    path: tuple[int, ...] = ()
    #: ``module``, ``name`` (empty: the module itself) and ``level`` of an import.
    imported: tuple[str, str, int] = ("", "", 0)
    #: The scope of a class, or the scope that a loop variable's iterable is read in.
    scope: Scope | None = None
    #: Bound by a function that declares the name global or nonlocal.
    foreign: bool = False

    @property
    def assigns(self) -> bool:
        """Whether a reader would call this place an assignment."""
        return self.kind in ("value", "item")


@dataclass(eq=False, slots=True)
class LoopNode:
    """A loop as the walk met it; ``described`` holds what was made of it later."""

    kind: str
    region: Region
    #: The line of the ``for`` or ``while``.
    line: int
    target: ast.expr | None
    iterable: ast.expr | None
    bodies: tuple[Region, ...]
    #: The scope that the iterable's names are looked up in.
    scope: Scope
    described: Any = None

    def runs_at(self, line: int, column: int | None) -> bool:
        """Whether the place is run once a turn."""
        return any(body.holds(line, column) for body in self.bodies)


@dataclass(eq=False, slots=True)
class CallNode:
    """A call of something that is known to run through one of its arguments."""

    region: Region
    #: Where the interpreter places the call: a method on a later line counts from its name.
    start: Point
    iterable: ast.expr
    scope: Scope


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class, function, lambda or comprehension, with what it holds."""

    #: ``module``, ``class``, ``function`` (lambdas, too) or ``comprehension``.
    kind: str
    #: As the code object is named, and its first line: a decorator's, if it has one.
    name: str
    first_line: int
    region: Region
    qualname: str
    parent: Scope | None
    index: SourceIndex
    #: The first parameter of a function: what ``self`` is called.
    first_parameter: str = ""
    #: Loops that run in this scope's own frame, outer ones before inner ones.
    loops: list[LoopNode] = field(default_factory=list)
    calls: list[CallNode] = field(default_factory=list)
    #: Pairs of which one turn runs at most one.
    forks: list[tuple[Region, Region]] = field(default_factory=list)
    children: list[Scope] = field(default_factory=list)
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    #: Names of collections that code of this scope changes in place.
    mutations: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)

    @property
    def function(self) -> Scope:
        """The nearest scope that is no comprehension."""
        scope = self
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope

    def owner_of(self, name: str) -> Scope | None:
        """The scope that binds ``name`` when it is read here; ``None`` for builtins."""
        scope: Scope | None = self
        reader = self.function
        while scope is not None:
            if name in scope.globals:
                return self.index.module
            # Functions do not see the names of a class around them.
            visible = scope.kind != "class" or scope is reader
            if visible and name in scope.bindings and name not in scope.nonlocals:
                return scope
            scope = scope.parent
        return None

    def mutates(self, name: str) -> bool:
        """Whether code here or in scopes inside changes this scope's ``name`` in place."""
        if name in self.mutations:
            return True
        return any(
            child.mutates(name)
            for child in self.children
            if name not in child.bindings or name in child.nonlocals
        )


class SourceIndex:
    """Everything that is known of one source file."""

    def __init__(self, file: str, text: str, tree: ast.Module | None = None) -> None:
        tree = tree or ast.parse(text)
        self.file = file
        # Not splitlines(): a form feed does not end a line of source.
        self.lines = text.split("\n")
        self.module = _module_scope(self)
        self.scopes: dict[tuple[str, int], list[Scope]] = {}
        #: Identifiers inside scopes that cannot be told apart by name and line.
        self.identifiers: dict[int, frozenset[str]] = {}
        #: Names of attributes that the file assigns, or changes in place, anywhere.
        self.attribute_stores: set[str] = set()
        _Walker(self).run(tree)

    def line(self, number: int) -> str:
        """One line of source, stripped; empty where there is none."""
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""

    def text(self, node: ast.expr) -> str:
        """An expression as it is written, or as one line where it takes several."""
        if node.lineno != node.end_lineno:
            return ast.unparse(node)
        line = self.lines[node.lineno - 1].encode()
        return line[node.col_offset : node.end_col_offset].decode()

    def class_scope(self, qualname: str) -> Scope | None:
        """The scope of a class, by its qualified name."""
        scope: Scope | None = self.module
        for name in qualname.split("."):
            bindings = scope.bindings.get(name, []) if scope else []
            scope = bindings[-1].scope if bindings and bindings[-1].kind == "class" else None
        return scope


def _module_scope(index: SourceIndex) -> Scope:
    region = Region((0, 0), (len(index.lines) + 1, 0))
    return Scope("module", "<module>", 1, region, "<module>", None, index)


def region_of(node: ast.stmt | ast.expr) -> Region:
    """The whole of a node, with its decorators."""
    start = (node.lineno, node.col_offset)
    for decorator in getattr(node, "decorator_list", ()):
        start = min(start, (decorator.lineno, decorator.col_offset))
    return Region(start, _end(node))


def _end(node: ast.AST) -> Point:
    return (getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))


def _block_region(block: Sequence[ast.stmt | ast.ExceptHandler]) -> Region:
    first = block[0]
    start = region_of(first).start if isinstance(first, ast.stmt) else _handler_start(first)
    return Region(start, _end(block[-1]))


def _handler_start(handler: ast.ExceptHandler) -> Point:
    return (handler.lineno, handler.col_offset)


def _case_region(cases: Sequence[ast.match_case]) -> Region:
    pattern = cases[0].pattern
    return Region((pattern.lineno, pattern.col_offset), _end(cases[-1].body[-1]))


# -- branches ---------------------------------------------------------------------


def _exclusive(node: ast.stmt) -> Iterator[tuple[Region, Region]]:
    """Pairs of regions inside one statement of which at most one runs."""
    if isinstance(node, ast.If) and node.orelse:
        yield _block_region(node.body), _block_region(node.orelse)
    elif isinstance(node, ast.Match):
        # A guard may run and fail before a later case is taken, a body may not.
        for number, case in enumerate(node.cases[:-1], 1):
            yield _block_region(case.body), _case_region(node.cases[number:])
    elif _is_try(node):
        yield from _exclusive_handlers(node)


def _exclusive_handlers(node: Any) -> Iterator[tuple[Region, Region]]:
    if isinstance(node, ast.Try):  # every matching ``except*`` runs
        for number, handler in enumerate(node.handlers[:-1], 1):
            yield _block_region(handler.body), _block_region(node.handlers[number:])
    if node.handlers and node.orelse:
        yield _block_region(node.handlers), _block_region(node.orelse)


def _is_try(node: ast.stmt) -> bool:
    return type(node).__name__ in ("Try", "TryStar")


def _alternatives(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a statement of which one turn runs at most one."""
    if isinstance(node, ast.If):
        yield node.body
        if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            yield from _alternatives(node.orelse[0])
        else:
            yield node.orelse
    elif isinstance(node, ast.Match):
        yield from (case.body for case in node.cases)
    elif isinstance(node, ast.Try):
        yield from (handler.body for handler in node.handlers)


def _leaves(block: list[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], (ast.Continue, ast.Break, ast.Return, ast.Raise))


def _forks(node: ast.stmt, rest: list[ast.stmt]) -> Iterator[tuple[Region, Region]]:
    """All exclusive pairs of a statement, given the statements after it in its block."""
    yield from _exclusive(node)
    if rest:
        # ``if odd: …; continue`` makes the rest of the block an ``else``.
        for block in filter(_leaves, _alternatives(node)):
            yield _block_region(block), _block_region(rest)


# -- iterating calls ---------------------------------------------------------------


def _iterated(call: ast.Call) -> ast.expr | None:
    """What a call runs through by itself, if it is known to."""
    function = call.func
    if isinstance(function, ast.Attribute) and not _is_of_module(function):
        return _iterated_by_method(call, function)
    number = _ITERATED_ARGUMENT.get(called_name(function))
    return _argument(call, number) if number is not None else None


def _is_of_module(function: ast.Attribute) -> bool:
    return isinstance(function.value, ast.Name) and function.value.id in _ITERATING_MODULES


def _iterated_by_method(call: ast.Call, function: ast.Attribute) -> ast.expr | None:
    if function.attr == "sort":
        return function.value
    if function.attr not in _ITERATING_METHODS or len(call.args) != 1:
        return None
    argument = _argument(call, 0)
    return argument if function.attr == "join" or argument is not call.args[0] else None


def called_name(function: ast.expr) -> str:
    """The last part of the called name: ``reduce`` for ``functools.reduce``."""
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _argument(call: ast.Call, number: int) -> ast.expr | None:
    if len(call.args) <= number:
        return None
    argument = call.args[number]
    inner = _iterated(argument) if isinstance(argument, ast.Call) else None
    return inner or argument


def _call_start(call: ast.Call) -> Point:
    function = call.func
    if isinstance(function, ast.Attribute) and function.end_lineno != function.lineno:
        line, column = _end(function)
        return (line, column - len(function.attr.encode()))
    return (call.lineno, call.col_offset)


# -- the walk ----------------------------------------------------------------------


class _Walker:
    """Fills a ``SourceIndex``; visits every node once."""

    def __init__(self, index: SourceIndex) -> None:
        self.index = index
        #: The scope whose names are bound now.
        self.scope = index.module
        #: The scopes whose frame may be running here: an inlined comprehension and
        #: the function around it are looked up by either.
        self.frames: tuple[Scope, ...] = (index.module,)
        self.nodes: dict[int, ast.AST] = {}

    def run(self, tree: ast.Module) -> None:
        self.block(tree.body)
        for twins in self.index.scopes.values():
            if len(twins) > 1:
                for scope in twins:
                    self.index.identifiers[id(scope)] = _identifiers(self.nodes[id(scope)])

    def visit(self, node: ast.AST) -> None:
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            handler(self, node)
        else:
            self.children(node)

    def children(self, node: ast.AST) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                self.many(value)
            elif isinstance(value, ast.AST):
                self.visit(value)

    def many(self, values: Iterable[Any]) -> None:
        values = list(values)
        if values and isinstance(values[0], ast.stmt):
            self.block(values)
            return
        for value in values:
            if isinstance(value, ast.AST):  # dict keys may be None
                self.visit(value)

    def block(self, statements: list[ast.stmt]) -> None:
        for number, statement in enumerate(statements, 1):
            if isinstance(statement, (ast.If, ast.Match)) or _is_try(statement):
                self.add_forks(_forks(statement, statements[number:]))
            self.visit(statement)

    def add_forks(self, forks: Iterable[tuple[Region, Region]]) -> None:
        forks = list(forks)
        for frame in self.frames:
            frame.forks.extend(forks)

    # -- scopes

    def enter(
        self, node: ast.stmt | ast.expr, kind: str, name: str, *, inline: bool = False
    ) -> Callable[[], None]:
        """Open the scope of ``node``; the returned function leaves it again."""
        before = self.scope, self.frames
        region = region_of(node)
        qualname = self.scope.qualname if kind == "comprehension" else self.qualify(name)
        scope = Scope(kind, name, region.start[0], region, qualname, self.scope, self.index)
        self.scope.children.append(scope)
        self.index.scopes.setdefault((name, scope.first_line), []).append(scope)
        self.nodes[id(scope)] = node
        self.scope = scope
        self.frames = (*self.frames, scope) if inline else (scope,)

        def leave() -> None:
            self.scope, self.frames = before

        return leave

    def qualify(self, name: str) -> str:
        around = self.scope.function
        if around.kind == "module" or name in around.globals:
            return name
        joint = "." if around.kind == "class" else ".<locals>."
        return around.qualname + joint + name

    def function(self, node: FunctionNode) -> None:
        self.bind(node.name, node, "other")
        self.many(node.decorator_list)
        self.signature(node.args)
        if node.returns is not None:
            self.visit(node.returns)
        leave = self.enter(node, "function", node.name)
        self.parameters(node.args)
        self.block(node.body)
        leave()

    def lambda_(self, node: ast.Lambda) -> None:
        self.signature(node.args)
        leave = self.enter(node, "function", "<lambda>")
        self.parameters(node.args)
        self.visit(node.body)
        leave()

    def signature(self, arguments: ast.arguments) -> None:
        """Defaults and annotations: they run in the frame around the function."""
        self.many(arguments.defaults)
        self.many(arguments.kw_defaults)
        for parameter in _parameters(arguments):
            if parameter.annotation is not None:
                self.visit(parameter.annotation)

    def parameters(self, arguments: ast.arguments) -> None:
        positional = [*arguments.posonlyargs, *arguments.args]
        self.scope.first_parameter = positional[0].arg if positional else ""
        for parameter in _parameters(arguments):
            self.bind(parameter.arg, parameter, "other")

    def class_(self, node: ast.ClassDef) -> None:
        self.many(node.decorator_list)
        self.many(node.bases)
        self.many(node.keywords)
        leave = self.enter(node, "class", node.name)
        inside = self.scope
        self.block(node.body)
        leave()
        self.bind(node.name, node, "class", scope=inside)

    # -- loops

    def for_(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        kind = "for" if isinstance(node, ast.For) else "async for"
        bodies = (_block_region(node.body),)
        self.add_loop(
            LoopNode(kind, region_of(node), node.lineno, node.target, node.iter, bodies, self.scope)
        )
        self.bind_target(node.target, "item", node.lineno, node.iter, scope=self.scope)
        self.block(node.body)
        self.block(node.orelse)

    def while_(self, node: ast.While) -> None:
        bodies = (region_of(node.test), _block_region(node.body))
        self.add_loop(
            LoopNode("while", region_of(node), node.lineno, None, None, bodies, self.scope)
        )
        self.visit(node.test)
        self.block(node.body)
        self.block(node.orelse)

    def comprehension(self, node: ComprehensionNode) -> None:
        around = self.scope
        self.visit(node.generators[0].iter)
        generator = isinstance(node, ast.GeneratorExp)
        name = _COMPREHENSION_NAMES[type(node)]
        leave = self.enter(node, "comprehension", name, inline=INLINED and not generator)
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for number, clause in enumerate(node.generators):
            names = self.scope if number else around
            self.add_clause(node, elements, number, names)
            if number:
                self.visit(clause.iter)
            self.bind_target(clause.target, "item", clause.target.lineno, clause.iter, scope=names)
            self.many(clause.ifs)
        self.many(elements)
        leave()

    def add_clause(
        self, node: ComprehensionNode, elements: list[ast.expr], number: int, names: Scope
    ) -> None:
        """One ``for`` of a comprehension: a loop around all that stands to its right."""
        clause = node.generators[number]
        bodies = [*elements, *clause.ifs]
        for inner in node.generators[number + 1 :]:
            bodies += [inner.iter, *inner.ifs]
        kind = "generator" if isinstance(node, ast.GeneratorExp) else "comprehension"
        regions = tuple(map(region_of, bodies))
        line = clause.target.lineno
        self.add_loop(
            LoopNode(kind, region_of(node), line, clause.target, clause.iter, regions, names)
        )

    def add_loop(self, loop: LoopNode) -> None:
        for frame in self.frames:
            frame.loops.append(loop)

    def if_expression(self, node: ast.IfExp) -> None:
        self.add_forks([(region_of(node.body), region_of(node.orelse))])
        self.children(node)

    def call(self, node: ast.Call) -> None:
        iterable = _iterated(node)
        if iterable is not None:
            call = CallNode(region_of(node), _call_start(node), iterable, self.scope)
            for frame in self.frames:
                frame.calls.append(call)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
            self.mutated(node.func.value)
        if called_name(node.func) in _GROWERS and node.args:
            self.mutated(node.args[0])
        self.children(node)

    # -- names

    def bind(
        self, name: str, node: ast.AST, kind: str, within: Scope | None = None, **details: Any
    ) -> None:
        """Note that a scope (the current one) gives ``name`` a value at ``node``."""
        scope = within or self.scope
        at = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        details.setdefault("line", at[0])
        foreign = name in scope.globals or name in scope.nonlocals
        owner = self.declared_owner(scope, name) if foreign else scope
        binding = Binding(kind, at, foreign=foreign, **details)
        owner.bindings.setdefault(name, []).append(binding)

    def declared_owner(self, scope: Scope, name: str) -> Scope:
        if name in scope.globals:
            return self.index.module
        outer = scope.parent
        while outer is not None and (outer.kind == "class" or name not in outer.bindings):
            outer = outer.parent
        return outer or scope

    def bind_target(
        self,
        target: ast.expr,
        kind: str,
        line: int,
        value: ast.expr | None,
        *,
        path: tuple[int, ...] = (),
        scope: Scope | None = None,
    ) -> None:
        """Bind all names of an assignment's left side."""
        if isinstance(target, ast.Name):
            kept = _kept(value)
            self.bind(target.id, target, kind, line=line, value=kept, path=path, scope=scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for number, part in enumerate(target.elts):
                inner = value if kind == "item" else _unpacked(target, value, number)
                self.bind_target(part, kind, line, inner, path=(*path, number), scope=scope)
        elif isinstance(target, ast.Starred):
            self.bind_target(target.value, "value", line, None)
        elif isinstance(target, (ast.Attribute, ast.Subscript)):
            self.stored(target)

    def stored(self, target: ast.Attribute | ast.Subscript) -> None:
        if isinstance(target, ast.Attribute):
            self.index.attribute_stores.add(target.attr)
        else:
            self.mutated(target.value)
        self.children(target)

    def mutated(self, expression: ast.expr) -> None:
        while isinstance(expression, ast.Subscript):
            expression = expression.value
        if isinstance(expression, ast.Name):
            self.scope.mutations.add(expression.id)
        elif isinstance(expression, ast.Attribute):
            self.index.attribute_stores.add(expression.attr)

    def assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        # ``a = b = []``: what is appended to one is in the other.
        value = node.value if len(node.targets) == 1 else None
        for target in node.targets:
            self.bind_target(target, "value", node.lineno, value)

    def annotated(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.bind_target(node.target, "value", node.lineno, node.value)

    def augmented(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        self.bind_target(node.target, "value", node.lineno, None)
        self.mutated(node.target)

    def walrus(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        # In a comprehension, too, it binds a name of the function around.
        self.bind(
            node.target.id, node, "value", within=self.scope.function, value=_kept(node.value)
        )

    def delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self.bind_target(target, "other", node.lineno, None)

    def with_item(self, node: ast.withitem) -> None:
        self.visit(node.context_expr)
        if node.optional_vars is not None:
            self.bind_target(node.optional_vars, "value", node.optional_vars.lineno, None)

    def handler(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self.bind(node.name, node, "other")
        self.children(node)

    def mapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self.bind(node.rest, node, "other")
        self.children(node)

    def stored_name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.bind(node.id, node, "other")

    def global_(self, node: ast.Global) -> None:
        self.scope.globals.update(node.names)

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        self.scope.nonlocals.update(node.names)

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            module = alias.name if alias.asname else top
            self.bind(alias.asname or top, node, "import", imported=(module, "", 0))

    def import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            imported = (node.module or "", alias.name, node.level)
            self.bind(alias.asname or alias.name, node, "import", imported=imported)

    def skip(self, node: ast.AST) -> None:
        """A leaf that holds nothing of interest."""


_HANDLERS: dict[type[ast.AST], Callable[[_Walker, Any], None]] = {
    ast.FunctionDef: _Walker.function,
    ast.AsyncFunctionDef: _Walker.function,
    ast.Lambda: _Walker.lambda_,
    ast.ClassDef: _Walker.class_,
    ast.For: _Walker.for_,
    ast.AsyncFor: _Walker.for_,
    ast.While: _Walker.while_,
    **dict.fromkeys(_COMPREHENSION_NAMES, _Walker.comprehension),
    ast.IfExp: _Walker.if_expression,
    ast.Call: _Walker.call,
    ast.Assign: _Walker.assign,
    ast.AnnAssign: _Walker.annotated,
    ast.AugAssign: _Walker.augmented,
    ast.NamedExpr: _Walker.walrus,
    ast.Delete: _Walker.delete,
    ast.withitem: _Walker.with_item,
    ast.ExceptHandler: _Walker.handler,
    ast.MatchAs: _Walker.handler,
    ast.MatchStar: _Walker.handler,
    ast.MatchMapping: _Walker.mapping,
    ast.Name: _Walker.stored_name,
    ast.Constant: _Walker.skip,
    ast.Global: _Walker.global_,
    ast.Nonlocal: _Walker.nonlocal_,
    ast.Import: _Walker.import_,
    ast.ImportFrom: _Walker.import_from,
}

_MAYBE_LITERAL = (
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Constant,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.BinOp,
    ast.IfExp,
    ast.BoolOp,
    ast.NamedExpr,
    ast.Call,
)


def _kept(value: ast.expr | None) -> ast.expr | None:
    """The value, if it is of a kind that can have a fixed number of items."""
    return value if isinstance(value, _MAYBE_LITERAL) else None


def _unpacked(target: ast.Tuple | ast.List, value: ast.expr | None, number: int) -> ast.expr | None:
    """The part of ``value`` that ``target[number]`` receives, where it shows."""
    if not isinstance(value, (ast.Tuple, ast.List)) or len(value.elts) != len(target.elts):
        return None
    if any(isinstance(part, ast.Starred) for part in (*target.elts, *value.elts)):
        return None
    return value.elts[number]


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return found + [extra for extra in (arguments.vararg, arguments.kwarg) if extra]


def _identifiers(node: ast.AST) -> frozenset[str]:
    """The names that the code object of a lambda or comprehension can mention."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            found.add(inner.id)
        elif isinstance(inner, ast.Attribute):
            found.add(inner.attr)
    return frozenset(found)


def is_code_name(name: str) -> bool:
    """Whether a code object of this name is a function, class, lambda or comprehension.

    The rest (``<module>``, IPython's ``<cell line: 1>``) run a module's own statements.
    """
    return not name.startswith("<") or name in _CODE_NAMES
