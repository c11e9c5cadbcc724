"""A pattern of the corpus, run as it stands and then as its finding advises.

A `Program` is the corpus module of a pattern with the steps of some options applied to its text,
compiled under a file name of its own. The models stay those of the corpus; where a step changes
one of their methods, the method alone is replaced while the program runs.
"""

from __future__ import annotations

import ast
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.models import Manager, Model, QuerySet
from django.http import HttpResponseBase

from nplusone_guard.capture import eager
from nplusone_guard.guard import watch
from nplusone_guard.policy import RULES, Policy
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.session import UNUSED
from nplusone_guard.report.settling import settled
from tests.advice.editing import CannotApply, edited
from tests.corpus import checking
from tests.corpus import models as corpus_models
from tests.corpus.labels import HERE, Pattern, unlisted

MODELS = HERE / "models.py"
FEW, MANY = 2, 20

#: How many findings of one pattern are seen to, one after the other.
ROUNDS = 6

#: What a statement of this kind returns is no result: its rows are compared in the database.
_WRITES = frozenset(
    "add remove set clear save create get_or_create update_or_create update delete "
    "bulk_create bulk_update".split()
)
_SILENT = _WRITES | {f"a{name}" for name in _WRITES} | {"append", "extend"}
_numbers = count()


# --- what a run shows -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """What can be compared: what was returned, what statements read, and what is stored."""

    returned: Any
    reads: tuple[Any, ...]
    stored: dict[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class Run:
    shown: Shown
    report: Any
    #: Whether rows differ from those that the run began with.
    wrote: bool

    @property
    def steady(self) -> int:
        """Its queries, without those that grow and are healthy: pages and batches."""
        healthy = (c.count for c in self.report.cleared if c.reason in {"paged", "batched"})
        return self.report.query_count - sum(healthy)

    @property
    def telling(self) -> bool:
        """Whether there is anything to compare."""
        return self.wrote or bool(self.shown.reads) or self.shown.returned not in (None, [])


def plain(value: Any) -> Any:
    """``value`` as something that compares equal wherever it means the same."""
    if isinstance(value, Model):
        return f"<{value._meta.label} {value.pk}>"
    if isinstance(value, dict):
        return {"dict": sorted((repr(plain(k)), plain(v)) for k, v in value.items())}
    if isinstance(value, set | frozenset):
        return {"set": sorted(repr(plain(one)) for one in value)}
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, list | QuerySet | Iterator):
        return [plain(one) for one in value]
    if isinstance(value, HttpResponseBase):
        return value.content
    if type(value).__repr__ is object.__repr__:
        return type(value).__name__
    return value


def _in_hand(value: Any) -> bool:
    """Whether ``value`` can be looked at without asking the database or using it up."""
    if value is None or isinstance(value, Manager | Iterator | asyncio.Future):
        return False
    return not isinstance(value, QuerySet) or value._result_cache is not None


# --- a program --------------------------------------------------------------------------


class _Watched(ast.NodeTransformer):
    """Hands the value of every statement that is an expression to ``__shown__``.

    Positions stay, and what asks the database asks it on the line that it stood on.
    """

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        value = node.value
        called = value.value if isinstance(value, ast.Await) else value
        function = called.func if isinstance(called, ast.Call) else None
        if isinstance(value, ast.Constant | ast.Yield | ast.YieldFrom):
            return node
        if isinstance(function, ast.Attribute) and function.attr in _SILENT:
            return node
        name = ast.copy_location(ast.Name("__shown__", ast.Load()), value)
        call = ast.copy_location(ast.Call(name, [value], []), value)
        return ast.copy_location(ast.Expr(call), node)

    def visit_Module(self, node: ast.Module) -> ast.Module:
        for statement in node.body:
            if not isinstance(statement, ast.Expr):
                self.visit(statement)
        return node


@dataclass(slots=True)
class Program:
    """Texts of corpus modules by path, and where they were put for this program."""

    folder: Path
    texts: dict[Path, str]
    files: dict[str, Path] = field(default_factory=dict)
    #: What was compiled of them, by file and pattern.
    codes: dict[tuple[str, str], CodeType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        folder = self.folder / str(next(_numbers))
        folder.mkdir(parents=True)
        for path, text in self.texts.items():
            file = folder / path.name
            file.write_text(text, encoding="utf-8")
            self.files[str(file)] = path

    @classmethod
    def of(cls, pattern: Pattern, folder: Path) -> Program:
        """The program as it stands in the corpus."""
        return cls(folder, {pattern.path: pattern.path.read_text(encoding="utf-8")})

    def with_option(self, option: Any) -> Program:
        """The program with the steps of ``option`` applied; `CannotApply` where they do not fit."""
        if not option.steps:
            raise CannotApply("no steps")
        texts = dict(self.texts)
        by_path: dict[Path, list[Any]] = {}
        for step in option.steps:
            by_path.setdefault(self._path(step.file), []).append(step)
        for path, steps in by_path.items():
            text = texts.get(path) or path.read_text(encoding="utf-8")
            try:
                texts[path] = edited(text, steps, option.imports)
                compile(texts[path], str(path), "exec")
            except SyntaxError as error:
                raise CannotApply(f"does not compile: {error}") from error
        return Program(self.folder, texts)

    def _path(self, file: str) -> Path:
        path = self.files.get(file) or Path(file)
        if path.parent != HERE:
            raise CannotApply(f"a step outside of the corpus: {file}")
        return path

    @contextmanager
    def loaded(self, pattern: Pattern, reads: list[Any]) -> Iterator[Any]:
        """The function of ``pattern``; what its statements read is added to ``reads``."""
        with ExitStack() as stack:
            module = None
            for file, path in self.files.items():
                if path == MODELS:
                    tree = _Watched().visit(ast.parse(self.texts[path], file))
                    stack.enter_context(_replaced_methods(tree, file, reads))
                else:
                    code = self._compiled(file, pattern.name)
                    module = stack.enter_context(_module(code, file, reads))
            yield getattr(module, pattern.name)

    def _compiled(self, file: str, name: str) -> CodeType:
        code = self.codes.get((file, name))
        if code is None:
            tree = _alone(ast.parse(self.texts[self.files[file]], file), name)
            code = self.codes[file, name] = compile(_Watched().visit(tree), file, "exec")
        return code


def _alone(tree: ast.Module, name: str) -> ast.Module:
    """The module without the patterns that the one called ``name`` does not ask for."""
    patterns = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list
    }
    left = {node: None for node in tree.body if node not in patterns.values()}
    wanted = [name, *_names(left)]
    while wanted:
        node = patterns.pop(wanted.pop(), None)
        if node is not None:
            left[node] = None
            wanted += _names([node])
    return ast.Module([node for node in tree.body if node in left], tree.type_ignores)


def _names(nodes: Iterable[ast.AST]) -> list[str]:
    return [one.id for node in nodes for one in ast.walk(node) if isinstance(one, ast.Name)]


def _recorder(reads: list[Any]) -> Any:
    def show(value: Any) -> Any:
        if _in_hand(value):
            reads.append(plain(value))
        return value

    return show


@contextmanager
def _module(code: CodeType, file: str, reads: list[Any]) -> Iterator[ModuleType]:
    module = ModuleType(f"advised_{Path(file).stem}")
    module.__file__ = file
    vars(module)["__shown__"] = _recorder(reads)
    sys.modules[module.__name__] = module
    try:
        with unlisted():
            exec(code, vars(module))
        yield module
    finally:
        del sys.modules[module.__name__]


@contextmanager
def _replaced_methods(tree: ast.Module, file: str, reads: list[Any]) -> Iterator[None]:
    """The methods of models that differ from those of the corpus, in place of these."""
    original = _original_methods()
    methods = _methods(tree)
    if methods.keys() != original.keys():
        raise CannotApply("adds to a model")
    before = []
    namespace = {**vars(corpus_models), "__shown__": _recorder(reads)}
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), file, "exec"), namespace)
    for (owner, name), node in methods.items():
        if ast.dump(node) != original[owner, name]:
            model = getattr(corpus_models, owner)
            before.append((model, name, vars(model)[name]))
            setattr(model, name, _method(model, node, file, namespace))
    try:
        yield
    finally:
        for model, name, method in before:
            setattr(model, name, method)


@cache
def _original_methods() -> dict[tuple[str, str], str]:
    tree = _Watched().visit(ast.parse(MODELS.read_text(encoding="utf-8")))
    return {key: ast.dump(node) for key, node in _methods(tree).items()}


def _methods(tree: ast.Module) -> dict[tuple[str, str], ast.AST]:
    return {
        (owner.name, node.name): node
        for owner in tree.body
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _method(model: type, node: Any, file: str, namespace: dict[str, Any]) -> Any:
    stub = ast.copy_location(
        ast.ClassDef(name=model.__name__, bases=[], keywords=[], body=[node], decorator_list=[]),
        node,
    )
    if sys.version_info >= (3, 12):
        stub.type_params = []
    scope = dict(namespace)
    exec(compile(ast.Module([stub], []), file, "exec"), namespace, scope)
    made = vars(scope[model.__name__])[node.name]
    function = made if isinstance(made, FunctionType) else getattr(made, "fget", None)
    for cell in (function.__closure__ or ()) if function else ():
        cell.cell_contents = model  # ``super()`` in a method asks for the class
    return made


# --- a run ------------------------------------------------------------------------------


def run(program: Program, pattern: Pattern, n: int, policy: Policy | None = None) -> Run:
    """Run the pattern as ``program`` has it at size ``n``; its data is gone afterwards."""
    with ExitStack() as stack:
        for alias in pattern.databases:
            stack.enter_context(transaction.atomic(using=alias))
            stack.callback(transaction.set_rollback, True, using=alias)
        argument = checking.prepare(pattern, n)
        before = _stored(pattern, {})
        reads: list[Any] = []
        function = stack.enter_context(program.loaded(pattern, reads))
        with watch("advice", policy=policy) as recording:
            returned = checking.call(function, argument)
        shown = Shown(plain(returned), tuple(reads), _stored(pattern, before))
        return Run(shown, recording.report, shown.stored != _stored_counts(before))


def unread(program: Program, pattern: Pattern) -> set[str]:
    """What ``program`` loads eagerly and never reads."""
    eager.forget()
    try:
        report = run(program, pattern, MANY, Policy(select=frozenset(RULES))).report
        session = settled(session_of(report))
        return {each.finding.relation for each in session if each.finding.rule == UNUSED}
    finally:
        eager.forget()


Rows = dict[str, dict[Any, dict[str, Any]]]


def _stored(pattern: Pattern, before: Rows) -> Any:
    """All rows of the corpus: by key where ``before`` is empty, else as they count."""
    rows = {
        f"{alias}.{model._meta.label}": _rows(model, alias)
        for alias in pattern.databases
        for model in apps.get_app_config("corpus").get_models(include_auto_created=True)
        if not model._meta.proxy
    }
    return _stored_counts(rows, before) if before else rows


def _rows(model: type[Model], alias: str) -> dict[Any, dict[str, Any]]:
    """The rows of the model's own table by key, as the database gives them."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
        names = [column[0] for column in cursor.description]
        key = names.index(model._meta.pk.column)
        return {row[key]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _stored_counts(rows: Rows, before: Rows | None = None) -> dict[str, Counter[str]]:
    """How often each table has each row; rows that are new go without their key."""
    before = rows if before is None else before
    return {
        table: Counter(
            repr(sorted((k, v) for k, v in row.items() if key in before[table] or v != key))
            for key, row in by_key.items()
        )
        for table, by_key in rows.items()
    }


# --- the trial --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a pattern when its advice was followed."""

    rule: str
    #: The kinds of the options that were applied, in order; empty where it failed.
    kinds: tuple[str, ...]
    before: int
    after: int
    #: Why it failed, a line for each option that was tried.
    reasons: tuple[str, ...] = ()
    program: Program | None = None

    @property
    def applied(self) -> bool:
        return not self.reasons


class Trial:
    """Follows the advice on one pattern until nothing is found any more.

    ``options_of`` gives the options of a finding; by default those of its advice.
    """

    def __init__(
        self,
        pattern: Pattern,
        folder: Path,
        options_of: Callable[[Any], Sequence[Any]] = lambda finding: finding.advice.options,
    ) -> None:
        self.pattern = pattern
        self.options_of = options_of
        self.start = Program.of(pattern, folder)
        self.few = run(self.start, pattern, max(FEW, pattern.smallest))
        self.many = run(self.start, pattern, MANY)
        self.reasons: list[str] = []

    def outcome(self) -> Outcome:
        findings = self.many.report.findings
        rule = findings[0].rule if findings else "none"
        if not self.many.telling:
            self.reasons.append("nothing to compare: it returns, records and writes nothing")
            solved = None
        else:
            solved = self._solved(self.start, self.many, ())
        before = self.many.report.query_count
        if solved is None:
            reasons = tuple(self.reasons or ["nothing was found"])
            return Outcome(rule, (), before, before, reasons)
        program, after, kinds = solved
        return Outcome(rule, kinds, before, after.report.query_count, (), program)

    def _solved(
        self, program: Program, last: Run, kinds: tuple[str, ...]
    ) -> tuple[Program, Run, tuple[str, ...]] | None:
        """The program without findings that options lead to, tried in their order."""
        if not last.report.findings:
            return (program, last, kinds) if kinds and self._steady(program, last, kinds) else None
        if len(kinds) == ROUNDS:
            self.reasons.append(f"{' + '.join(kinds)}: still findings")
            return None
        finding = last.report.findings[0]
        options = self.options_of(finding)
        if not options:
            self._reject(kinds, finding.rule, f"no option: {finding.advice.text}")
        for option in options:
            tried = self._tried(program, last, option, kinds)
            solved = tried and self._solved(*tried, (*kinds, option.kind))
            if solved:
                return solved
        return None

    def _tried(
        self, program: Program, before: Run, option: Any, kinds: tuple[str, ...]
    ) -> tuple[Program, Run] | None:
        finding = before.report.findings[0]
        try:
            changed = program.with_option(option)
            after = run(changed, self.pattern, MANY)
        except Exception as error:
            self._reject(kinds, option.kind, f"{type(error).__name__}: {error}")
            return None
        if after.shown != self.many.shown:
            self._reject(kinds, option.kind, difference(self.many.shown, after.shown))
        elif _sightings(finding, after.report) >= _sightings(finding, before.report):
            self._reject(kinds, option.kind, "the finding remains")
        else:
            return changed, after
        return None

    def _steady(self, program: Program, many: Run, kinds: tuple[str, ...]) -> bool:
        """Whether the data may grow, and the answer is the same when there is little of it."""
        few = run(program, self.pattern, max(FEW, self.pattern.smallest))
        if few.shown != self.few.shown:
            self._reject(kinds, "at size 2", difference(self.few.shown, few.shown))
        elif few.steady != many.steady:
            self._reject(kinds, "growth", f"{few.steady} queries at 2, {many.steady} at 20")
        else:
            return True
        return False

    def _reject(self, kinds: tuple[str, ...], what: str, reason: str) -> None:
        reason = " ".join(reason.split())
        self.reasons.append(f"{' + '.join([*kinds, what])}: {reason[:300]}")


def _sightings(finding: Any, report: Any) -> int:
    """How often it is found: two loops of one function look the same but for their lines."""
    return [_key(one) for one in report.findings].count(_key(finding))


def _key(finding: Any) -> tuple[Any, ...]:
    loop = finding.loop.function if finding.loop else ""
    shapes = frozenset(statement.fingerprint for statement in finding.statements)
    return finding.rule, finding.relation, finding.site.function, loop, shapes


def difference(wanted: Shown, actual: Shown) -> str:
    """In what the two differ, and the first of it."""
    if wanted.returned != actual.returned:
        return f"returns {actual.returned!r:.100}, not {wanted.returned!r:.100}"
    if wanted.reads != actual.reads:
        if len(wanted.reads) != len(actual.reads):
            return f"{len(actual.reads)} values read, not {len(wanted.reads)}"
        pairs = zip(actual.reads, wanted.reads, strict=True)
        actual_one, wanted_one = next((one, two) for one, two in pairs if one != two)
        return f"reads {actual_one!r:.100}, not {wanted_one!r:.100}"
    tables = [table for table in wanted.stored if wanted.stored[table] != actual.stored[table]]
    return f"other rows in {', '.join(tables)}"
