"""What a name stands for, where a function imports it for itself: ``from shop.models import Order``."""

from __future__ import annotations

import ast
import sys
from types import ModuleType

from nplusone_guard.analysis.advice.trees import Tree, own_nodes
from nplusone_guard.analysis.sources import module_of


def value_at(tree: Tree, name: str, node: ast.AST) -> object:
    """What a name that no assignment binds stands for at a node; ``None`` where it does not show."""
    function, line = tree.function(node), getattr(node, "lineno", 0)
    for one in own_nodes(function) if function is not None else ():
        if isinstance(one, ast.ImportFrom) and one.lineno < line:
            for alias in one.names:
                if (alias.asname or alias.name) == name:
                    return vars(_module(tree, one)).get(alias.name)
    return tree.global_value(name)


def _module(tree: Tree, node: ast.ImportFrom) -> object:
    """The module that a statement imports from, which has been run where its line has been."""
    name = node.module or ""
    if node.level:
        package = str(getattr(module_of(tree.file), "__package__", None) or "")
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        name = ".".join(filter(None, [*parents, name]))
    return sys.modules.get(name) or ModuleType(name)
