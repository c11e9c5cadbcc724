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


class Missing(NamedTuple):
    """A name that is not there, in words, and what is."""

    text: str
    word: str
    known: tuple[str, ...]
    #: Whether it may be there all the same, so that nobody has slipped.
    may_be: bool = False

    @property
    def meant(self) -> str:
        """The name that is most like it; empty where none is."""
        return _nearest(self.word, self.known, NEAR)

    @property
    def hint(self) -> str:
        """What to write in its place, as a question, or what there is to choose from."""
        if meant := self.meant:
            return f'Did you mean "{meant}"?'
        more = ", …" if len(self.known) > MAX_NAMES else ""
        return f"Known: {', '.join(self.known[:MAX_NAMES])}{more}."


def missing(field: str) -> Missing | None:
    """What is not there of ``app.Model.field``; nothing where all is, or nobody knows yet."""
    if not _are_models_loaded():
        return None
    from django.apps import apps

    app, model, name = field.split(".")
    config = apps.app_configs.get(app)
    if config is None:
        known = tuple(sorted(apps.app_configs))
        return Missing(f'no app "{app}" is installed', app, known, may_be=True)
    models = _models(config)
    if model not in models:
        text = f'the app "{app}" has no model "{model}"'
        return Missing(text, model, tuple(sorted(models)))
    first = name.partition("__")[0]  # prefetches are named by their way
    if name == "*" or _has(models[model], first):
        return None
    text, known = f'{app}.{model} has no field "{first}"', tuple(sorted(_names(models[model])))
    return Missing(text, first, known, may_be=first in _query_names(models[model]))


def is_slip(found: Missing, test_file: Path | None = None) -> bool:
    """Whether the name is misspelt for sure, and not one that is there at other times.

    ``test_file`` may define models inside its functions, which are there once those run.
    """
    if found.may_be or not _nearest(found.word, found.known, LIKE):
        return False
    return not (_is_class_of(test_file, found.word) or _is_historical(found.word))


def _are_models_loaded() -> bool:
    """Whether Django is set up; it is not imported to find out."""
    registry = sys.modules.get("django.apps")
    return registry is not None and bool(registry.apps.models_ready)


def _models(config: Any) -> dict[str, Any]:
    models = config.get_models(include_auto_created=True, include_swapped=True)
    return {model._meta.object_name: model for model in models}


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
