"""Where an instruction stands, told alike on every Python."""

from __future__ import annotations

import json
import sys
from types import CodeType

from nplusone_guard.analysis.places import function_of, package_of, site_of


class Thing:
    def method(self) -> CodeType:
        return sys._getframe().f_code

    def comprehension(self) -> CodeType:
        return [sys._getframe().f_code for _ in "x"].pop()

    def generator(self) -> CodeType:
        return next(sys._getframe().f_code for _ in "x")

    def nested(self) -> CodeType:
        def inner() -> CodeType:
            return sys._getframe().f_code

        return inner()


AT_MODULE = next(sys._getframe().f_code for _ in "x")


def test_functions_go_by_their_qualified_name() -> None:
    assert function_of(Thing().method()) == "Thing.method"
    assert function_of(Thing().nested()) == "Thing.nested.<locals>.inner"


def test_comprehensions_go_by_the_function_around_them() -> None:
    assert function_of(Thing().comprehension()) == "Thing.comprehension"
    assert function_of(Thing().generator()) == "Thing.generator"
    assert function_of(AT_MODULE) == "<module>"


def test_site_of_user_code_has_its_source_and_no_package() -> None:
    code = Thing().method()
    site = site_of(code, 0)
    assert site.file == __file__
    assert site.source in {"def method(self) -> CodeType:", "return sys._getframe().f_code"}
    assert site.package == ""


def test_library_code_belongs_to_a_package() -> None:
    assert package_of(json.dumps.__code__) == "json"
