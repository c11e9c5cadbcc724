"""Whole files of Django and its companions that the rules know, whichever function runs.

No frame of theirs is read, and nothing is looked up while a query runs: the rules ask for the
file of a code object once a scope is judged.
"""

from __future__ import annotations

import functools
from types import CodeType
from typing import Final

#: The ORM itself.
ORM: Final = ("django/db/",)

#: The methods of querysets, which projects override; and what stands in for one of them.
QUERYSETS: Final = ("django/db/models/query.py", "nplusone_guard/capture/eager.py")

#: What calls a middleware's ``get_response``, and the whole of Django from a WSGI file.
HANDLERS: Final = ("django/core/handlers/",)

#: Django's serializers, which ask for keys alone.
DUMPERS: Final = ("django/core/serializers/",)

#: What shows an error with all variables around it, and asks the database for some of them.
ERROR_PAGES: Final = ("django/views/debug.py",)

#: What asks for rows, and answers with "not found" where there is none.
OR_404: Final = (
    "django.shortcuts:get_object_or_404",
    "django.shortcuts:aget_object_or_404",
    "django.shortcuts:get_list_or_404",
    "django.shortcuts:aget_list_or_404",
)

#: What runs the user's code and loops for its own ends, but asks for nothing by itself. A name
#: without an end stands for all files that begin so.
CARRIERS: Final = (
    *ORM,
    *HANDLERS,
    "django/shortcuts.py",
    "django/core/management/",
    "django/dispatch/",
    "django/template/backends/",
    "django/template/base.py",
    "django/template/context.py",
    "django/template/loader",
    "django/template/response.py",
    "django/test/",
    "jinja2/environment.py",
    "jinja2/runtime.py",
)

#: Where Django REST framework renders the forms of its browsable API: each of them
#: serializes the view's object once more.
FORMS: Final = (
    "rest_framework.renderers:BrowsableAPIRenderer.get_rendered_html_form",
    "rest_framework.renderers:BrowsableAPIRenderer.get_raw_data_form",
)


def is_of(code: CodeType, files: tuple[str, ...]) -> bool:
    """Whether ``code`` was written in one of ``files``, such as :data:`ORM`."""
    return _is_in(code.co_filename, files)


@functools.lru_cache(maxsize=4096)
def _is_in(file: str, files: tuple[str, ...]) -> bool:
    path = file.replace("\\", "/")
    return any(f"/{one}" in path for one in files)


def runs_one_of(code: CodeType, functions: tuple[str, ...]) -> bool:
    """Whether ``code`` is that of one of ``functions``, by its bare name (Python 3.10)."""
    return any(
        code.co_name == function.replace(":", ".").rpartition(".")[2]
        and is_of(code, (_file_of(function),))
        for function in functions
    )


@functools.cache
def _file_of(function: str) -> str:
    return f"{function.partition(':')[0].replace('.', '/')}.py"
