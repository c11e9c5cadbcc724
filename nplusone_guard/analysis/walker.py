"""One walk over a syntax tree, which notes its scopes, loops, branches and names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from nplusone_guard.analysis.branches import block_region, forks_of, region_of
from nplusone_guard.analysis.iteration import (
    call_start,
    called_name,
    is_of_module,
    iterated,
    joined,
)
from nplusone_guard.analysis.scopes import (
    Binding,
    CallNode,
    LoopNode,
    Point,
    Region,
    Scope,
    SourceIndex,
)
from nplusone_guard.capture.parsing import parse

#: Whether list, set and dict comprehensions run in the frame around them (PEP 709).
INLINED = sys.version_info >= (3, 12)

#: Methods that change how many items a list, set or dict holds.
_MUTATORS = frozenset(
    "add append clear discard extend insert pop popitem remove setdefault update"
    " difference_update intersection_update symmetric_difference_update".split()
)
#: Functions of ``heapq`` and ``bisect`` that grow their first argument.
_GROWERS = frozenset("heappush insort insort_left insort_right".split())
_COMPREHENSION_NAMES: dict[type[ast.expr], str] = {
    ast.ListComp: "<listcomp>",
    ast.SetComp: "<setcomp>",
    ast.DictComp: "<dictcomp>",
    ast.GeneratorExp: "<genexpr>",
}

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
ComprehensionNode: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def index_source(file: str, text: str) -> SourceIndex:
    """The index of a source text. Raises ``SyntaxError`` where it is not Python."""
    index = SourceIndex(file, text)
    _Walker(index).run(parse(text))
    return index


class _Walker:
    """Visits every node once."""

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
            # Contexts and operators have nothing inside.
            elif isinstance(value, ast.AST) and value._fields:
                self.visit(value)

    def many(self, values: list[Any]) -> None:
        if values and isinstance(values[0], ast.stmt):
            self.block(values)
            return
        for value in values:
            if isinstance(value, ast.AST):  # dict keys may be None
                self.visit(value)

    def block(self, statements: list[ast.stmt]) -> None:
        for number, statement in enumerate(statements):
            self.add_forks(forks_of(statements, number))
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
        bodies = (block_region(node.body),)
        self.add_loop(
            LoopNode(kind, region_of(node), node.lineno, node.target, node.iter, bodies, self.scope)
        )
        self.bind_target(node.target, "item", node.lineno, node.iter, scope=self.scope)
        self.block(node.body)
        self.block(node.orelse)

    def while_(self, node: ast.While) -> None:
        bodies = (region_of(node.test), block_region(node.body))
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
        self.add_call(node, region_of(node), call_start(node))
        if isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
            self.mutated(node.func.value)
        if called_name(node.func) in _GROWERS and node.args:
            self.mutated(node.args[0])
        self.children(node)

    def await_(self, node: ast.Await) -> None:
        if isinstance(node.value, ast.Call):  # a frame that waits is at the ``await``
            region = region_of(node)
            self.add_call(node.value, region, region.start)
        self.children(node)

    def add_call(self, node: ast.Call, region: Region, start: Point) -> None:
        iterable = iterated(node)
        if iterable is None:
            return
        call = CallNode(region, start, iterable, joined(node), self.scope)
        for frame in self.frames:
            frame.calls.append(call)

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
        owner.bindings[name] = (*owner.bindings.get(name, ()), binding)

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
            self.scope.mutations |= {expression.id}
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
        self.scope.globals |= {*node.names}

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        self.scope.nonlocals |= {*node.names}

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
    ast.Await: _Walker.await_,
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

#: Methods that give a collection of fixed size, if they are called on one.
_PASSING_METHODS = frozenset("copy items keys split splitlines values".split())
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
)


def _kept(value: ast.expr | None) -> ast.expr | None:
    """The value, if it is of a kind that can have a fixed number of items."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        # Not the query of a QuerySet, which is what most names are given.
        passes = value.func.attr in _PASSING_METHODS or is_of_module(value.func)
        return value if passes else None
    return value if isinstance(value, (*_MAYBE_LITERAL, ast.Call)) else None


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
