"""What one scope loaded eagerly, in the terms of a report."""

from __future__ import annotations

from nplusone_guard.analysis.eager import joined
from nplusone_guard.analysis.findings import EagerLoad
from nplusone_guard.analysis.identity import identity
from nplusone_guard.analysis.places import site_of
from nplusone_guard.capture import eager
from nplusone_guard.capture.eager import RULE, Load
from nplusone_guard.capture.scope import Scope
from nplusone_guard.ignores.matching import find_ignore


def loads_of(scope: Scope) -> tuple[EagerLoad, ...]:
    """What ``scope`` loaded eagerly, without what an ignore covers."""
    if not scope.policy.judges(RULE):
        return ()
    found = (_fact(load, scope) for load in eager.drain(scope))
    return joined(fact for fact in found if fact is not None)


def _fact(load: Load, scope: Scope) -> EagerLoad | None:
    site = site_of(load.place.code, load.place.lasti)
    shape = f"{load.method} {load.model} {load.lookup}"
    name = identity(RULE, shape, site, None, scope.policy.base_dir)
    relation = f"{load.model}.{load.lookup}"
    if find_ignore(RULE, site, None, relation, (name,), (), scope.policy) is not None:
        return None
    exempt = scope.policy.exempt
    if exempt is not None and exempt.why(scope, "", None, [site]):
        return None
    return EagerLoad(load.method, load.lookup, load.model, site, load.rows, load.read, name)
