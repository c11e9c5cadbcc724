"""Loops over what an object is made of: its fields, columns, attributes.

They do not grow with the data. Where a loop over rows is around one of them, that is the one
to tell. What Django says of a model (``_meta``) is evidence; of others names are all there is to
go by, since what they hold is known at run time alone. So such a loop alone counts as any other.
"""

from __future__ import annotations

import re
from typing import Final

from nplusone_guard.analysis import loops
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture import steps

_NOUNS: Final = "accessor attr attribute cell column field lookup relation widget".split()
_WORDS: Final = frozenset(
    [*_NOUNS, *(f"{noun}s" for noun in _NOUNS), "field_name", "order_with_respect_to"]
)
#: What a model is made of, as its options have it; ``opts`` may be those of a command, too.
_OPTIONS: Final = re.compile(
    r"\b_meta\.(?!\w*manager)\w|\bopts\.\w*(?:fields|many_to_many|related_objects|parent)"
)
#: A queryset is rows, whatever these are called: ``board.columns.all()``.
_ROWS: Final = re.compile(
    r"\.(?:all|filter|exclude|order_by|values|values_list|iterator)\b|objects"
)
_TAG: Final = re.compile(r"\bfor\s+(\w+)\s+in\s+(\S+)")
#: What is behind the last name: ``self.get_fields().items()``, ``accessor.split(".")``.
_BEHIND: Final = re.compile(r"(?:\.(?:items|keys|split))?\([^()]*\)|\[[^\[\]]*\]")


def is_of_parts(node: loops.Loop) -> bool:
    """Whether a loop in Python runs over the parts of something."""
    return is_of_a_model(node.iterates) or _is_of_parts(node.target, node.iterates)


def is_of_functions(node: loops.Loop, site: Site) -> bool:
    """Whether a loop calls what it runs over: the receivers of a signal, the handlers of a request."""
    names = re.findall(r"\w+", node.target)
    return any(re.search(rf"(?<![\w.]){name}(?:\[[^\[\]]*\])?\(", site.source) for name in names)


def is_of_a_model(source: str) -> bool:
    """Whether ``source`` asks a model for what it is made of: ``entry._meta.many_to_many``."""
    return _OPTIONS.search(source) is not None


def is_of_cells(spot: steps.Spot) -> bool:
    """Whether the loop of a template's tag does."""
    found = _TAG.search(spot.source)
    return found is not None and _is_of_parts(*found.groups())


def _is_of_parts(target: str, iterates: str) -> bool:
    last = _last_name(iterates)
    if target in _WORDS and last == "values":
        return True  # ``cell in row.values``
    return not _ROWS.search(iterates) and (target in _WORDS or _ends_with_one(last))


def _last_name(text: str) -> str:
    """``fields`` of ``enumerate(self.fields.items())``."""
    inner = re.fullmatch(r"(?:enumerate|sorted|reversed|list|tuple|zip)\((.+)\)", text)
    text = _BEHIND.sub("", inner[1] if inner is not None else text)
    return text.split(",")[0].rpartition(".")[2].strip()


def _ends_with_one(name: str) -> bool:
    return name in _WORDS or any(name.endswith(f"_{word}") for word in _WORDS)
