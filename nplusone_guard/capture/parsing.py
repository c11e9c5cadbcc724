"""Source as a syntax tree, without the warnings that its compilation has given already."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from typing import Final

#: What makes the parser warn, or is no harm: an escape that may be none, and a keyword that
#: follows a number at once. Filters belong to all threads, so that they change only for these.
_MAY_WARN: Final = re.compile(
    r"\\[^\n\\'\"abfnrtvx0-3]|(?<!\w)\d[\w.]*(?:and|else|for|if|in|is|not|or)\b"
)
_lock: Final = threading.Lock()


def parse(text: str) -> ast.Module:
    """The tree of ``text``. Raises ``SyntaxError`` or ``ValueError`` where it is not Python.

    The warnings would be the user's, a second time; and with ``-W error``, which raises them,
    there would be no tree.
    """
    if not _MAY_WARN.search(text):
        return ast.parse(text)
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)
