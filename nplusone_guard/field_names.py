"""Whether ``app.Model.field``, as ignores name it, is something that a finding can be about.

A slip of the pen is told from a field that is not there this time: an app may be installed
under other settings only, and with it go its models and what it adds to the models of others.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

#: How like a known name, from 0 to 1, another one is that is a slip: ``auhtor`` is 0.83 like
#: ``author``. What is less like it may as well be a name of its own.
LIKE: Final = 0.75
#: How like it is that one asks whether it was meant.
NEAR: Final = 0.6
#: Names that are told where none is like the one that is not there.
MAX_NAMES: Final = 12
#: What Django adds to the name of a model: two such names are alike because of it.
_SUFFIX: Final = "_set"


class Unknown(NamedTuple):
    """A name that nothing has, in words."""

    text: str
    hint: str
    #: Whether it is a slip for sure, and not a name that other settings may have.
    is_slip: bool = False


def unknown(field: str, test_file: Path | None = None) -> Unknown | None:
    """What is not there of ``app.Model.field``; nothing where all is, or nobody knows yet.

    ``test_file`` may define models inside its functions, which are there once those run.
    """
    if not _are_models_loaded():
        return None
    from django.apps import apps

    app, model, name = field.split(".")
    config = apps.app_configs.get(app)
    if config is None:
        return _unknown(f'no app "{app}" is installed', app, apps.app_configs)
    models = _models(config)
    if model not in models:
        slip = not _is_class_of(test_file, model)
        return _unknown(f'the app "{app}" has no model "{model}"', model, models, slip=slip)
    first = name.partition("__")[0]  # prefetches are named by their way
    if name == "*" or _has(models[model], first):
        return None
    slip = first not in _query_names(models[model])
    text = f'{app}.{model} has no field "{first}"'
    return _unknown(text, first, _names(models[model]), slip=slip)


def _are_models_loaded() -> bool:
    """Whether Django is set up; it is not imported to find out."""
    registry = sys.modules.get("django.apps")
    return registry is not None and bool(registry.apps.models_ready)


def _models(config: Any) -> dict[str, Any]:
    models = config.get_models(include_auto_created=True, include_swapped=True)
    return {model._meta.object_name: model for model in models}


def _unknown(text: str, word: str, known: Iterable[str], *, slip: bool = False) -> Unknown:
    known = sorted(known)
    near = _nearest(word, known, NEAR)
    if near:
        slip = slip and bool(_nearest(word, known, LIKE)) and not _is_historical(word)
        return Unknown(text, f'Did you mean "{near}"?', slip)
    more = ", …" if len(known) > MAX_NAMES else ""
    return Unknown(text, f"Known: {', '.join(known[:MAX_NAMES])}{more}.")


def _nearest(word: str, known: Iterable[str], likeness: float) -> str:
    stems = {_stem(one): one for one in known}
    near = difflib.get_close_matches(_stem(word), stems, n=1, cutoff=likeness)
    return stems[near[0]] if near else ""


def _stem(name: str) -> str:
    return name.casefold().removesuffix(_SUFFIX)


# ── what a model has ────────────────────────────────────────────────────────────────


def _names(model: Any) -> Iterator[str]:
    """The fields, and the relations from other models by the names that they are read by."""
    for field in model._meta.get_fields(include_hidden=True):
        accessor = getattr(field, "get_accessor_name", None)
        name = accessor() if accessor is not None else field.name
        if name and not name.endswith("+"):
            yield name


def _query_names(model: Any) -> set[str]:
    """Names that look-ups go by: seldom what a finding names, and still no slip."""
    return {field.name for field in model._meta.get_fields(include_hidden=True)}


def _has(model: Any, name: str) -> bool:
    """Whether there is such a field, or anything else by that name but the column of one."""
    if name in _names(model):
        return True
    columns = {getattr(field, "attname", "") for field in model._meta.get_fields()}
    return name not in columns and any(name in vars(each) for each in model.__mro__)


# ── what is there at other times ────────────────────────────────────────────────────


def _is_class_of(file: Path | None, name: str) -> bool:
    if file is None:
        return False
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return True  # nobody knows
    return re.search(rf"\bclass\s+{name}\b", text) is not None


@functools.lru_cache(maxsize=256)
def _is_historical(word: str) -> bool:
    """Whether a migration names ``word``: its loops run over models as they were."""
    quoted = re.compile(rf"""["']{word}["']""", re.IGNORECASE)
    return any(quoted.search(file.read_text("utf-8", "replace")) for file in _migrations())


def _migrations() -> Iterator[Path]:
    from django.apps import apps
    from django.db.migrations.loader import MigrationLoader

    for config in apps.get_app_configs():
        name, _ = MigrationLoader.migrations_module(config.label)
        for directory in _directories(name) if name else ():
            yield from Path(directory).glob("*.py")


def _directories(package: str) -> Iterable[str]:
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return ()  # settings may name one that there is not
    return found.submodule_search_locations or () if found is not None else ()
