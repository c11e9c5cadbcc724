"""Source files, read and indexed once, and the scope that a code object was made from."""

from __future__ import annotations

import linecache
import os
import sys
import tokenize
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import CodeType, ModuleType
from typing import TypeVar

from nplusone_guard.analysis.scopes import Region, Scope, SourceIndex, is_code_name
from nplusone_guard.analysis.walker import index_source

#: Files kept indexed, code objects kept resolved; longer files are not read (characters).
_FILES = 256
_CODES = 4_096
_LONGEST = 4 * 1024 * 1024

_T = TypeVar("_T")
_K = TypeVar("_K")

_scopes: dict[int, tuple[CodeType, Scope]] = {}


def remember(cache: dict[_K, _T], key: _K, value: _T, limit: int) -> _T:
    """Put ``value`` into a cache that is emptied where it would outgrow ``limit``."""
    if len(cache) >= limit:
        cache.clear()
    cache[key] = value
    return value


def scope_of(code: CodeType) -> Scope | None:
    """The scope whose frames run ``code``; ``None`` where the source is missing or changed."""
    # By identity: on CPython 3.11 two lambdas of one line can be equal.
    hit = _scopes.get(id(code))
    if hit is not None:
        return hit[1]
    index = index_of(code.co_filename)
    scope = _find(index, code) if index is not None else None
    if scope is not None:
        remember(_scopes, id(code), (code, scope), _CODES)
    return scope


def _find(index: SourceIndex, code: CodeType) -> Scope | None:
    if not is_code_name(code.co_name):
        return index.module
    found = index.scopes.get((code.co_name, code.co_firstlineno), [])
    if len(found) < 2:
        return found[0] if found else None
    places = _places(code)
    return max(found, key=lambda scope: _likeness(scope, code, places))


def _likeness(scope: Scope, code: CodeType, places: list[Region]) -> tuple[int, int, int]:
    """How well a scope fits a code object of its name and line.

    With columns: how many of its instructions lie inside, and of scopes inside each
    other the one that starts last. Without: how many of its names both know.
    """
    inside = sum(
        scope.region.start <= place.start and place.end <= scope.region.end for place in places
    )
    mentioned = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    different = len(mentioned ^ scope.index.identifiers[id(scope)])
    return (inside, scope.region.start[1] if places else 0, -different)


def _places(code: CodeType) -> list[Region]:
    """The source regions of a code object's instructions; none on Python 3.10."""
    positions: Callable[[], Iterable[tuple[int | None, ...]]] = getattr(code, "co_positions", tuple)
    return [
        Region((line, column), (end_line, end_column))
        for line, end_line, column, end_column in positions()
        if line is not None
        and end_line is not None
        and column is not None
        and end_column is not None
    ]


def index_of(file: str) -> SourceIndex | None:
    """The index of a source file, or ``None`` where it cannot be read or parsed."""
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return _indexed_text(file, _cached_text(file))
    return _indexed_file(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=_FILES)
def _indexed_file(file: str, _mtime: int, size: int) -> SourceIndex | None:
    if size > _LONGEST:
        return None
    try:
        with tokenize.open(file) as stream:
            return _index(file, stream.read())
    except (OSError, SyntaxError, UnicodeError):
        return None


@lru_cache(maxsize=_FILES)
def _indexed_text(file: str, text: str) -> SourceIndex | None:
    return _index(file, text) if 0 < len(text) <= _LONGEST else None


def _cached_text(file: str) -> str:
    """What ``linecache`` knows: doctest, IPython, the shell, modules in a zip file."""
    try:
        lines = linecache.getlines(file)
        if not lines:
            module = module_of(file)
            lines = linecache.getlines(file, vars(module)) if module is not None else []
    except Exception:  # loaders of others
        return ""
    return "".join(lines)


def _index(file: str, text: str) -> SourceIndex | None:
    try:
        return index_source(file, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_module(module: object) -> bool:
    """Programs may put anything into ``sys.modules``."""
    return isinstance(module, ModuleType)


def module_of(file: str) -> ModuleType | None:
    """The loaded module that was made from ``file``."""
    name = _module_names.get(file)
    known = sys.modules.get(name) if name is not None else None
    if known is not None and _is_module(known) and vars(known).get("__file__") == file:
        return known
    loaded = (len(sys.modules), next(reversed(sys.modules), ""))
    if _unloaded.get(file) == loaded:
        return None
    found = _search_module(file)
    if found is not None:
        remember(_module_names, file, found.__name__, _FILES)
    else:
        remember(_unloaded, file, loaded, _FILES)
    return found


_module_names: dict[str, str] = {}
#: Files of which no module was found → how many were loaded then, and which the latest.
_unloaded: dict[str, tuple[int, str]] = {}


def _search_module(file: str) -> ModuleType | None:
    for module in list(sys.modules.values()):
        # Through the dictionary: a lazy module must not be woken.
        if _is_module(module) and vars(module).get("__file__") == file:
            return module
    return None


def index_of_module(module: ModuleType | None) -> SourceIndex | None:
    """The index of a loaded module's source."""
    file = vars(module).get("__file__") if module is not None else None
    return index_of(file) if isinstance(file, str) else None
