"""How code is written in advice: strings in double quotes, several lines as one."""

from __future__ import annotations

import re
from typing import Final

_STRING: Final = re.compile(
    r"""\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?P<body>(?:\\.|[^'\\])*)'""", re.DOTALL
)


def double_quoted(code: str) -> str:
    """``code`` with strings in double quotes where that changes nothing in them."""
    return _STRING.sub(_requoted, code)


def _requoted(match: re.Match[str]) -> str:
    body = match["body"]
    plain = body is not None and '"' not in body and "\\" not in body
    return f'"{body}"' if plain else match[0]


def stands_in(expression: str, code: str) -> bool:
    """Whether ``code`` has the whole expression: ``row.author`` does not stand in ``row.author_id``."""
    opening = r"(?<![\w.])" if expression[:1].isidentifier() else ""
    closing = r"(?!\w)" if expression[-1:].isidentifier() or expression[-1:].isdigit() else ""
    return re.search(f"{opening}{re.escape(expression)}{closing}", code) is not None


def one_line(code: str) -> str:
    """Several statements as one line of text; what comes behind a block is told from its body."""
    text, depth = "", 0
    for line in filter(str.strip, code.split("\n")):
        told, inner = line.strip(), len(line) - len(line.lstrip())
        behind = inner < depth and told[0] not in ")]}"
        text += ("; then " if behind else "; " if text else "") + told
        depth = inner
    return re.sub(r"([:(\[{,]); ", r"\1 ", text).replace("( ", "(").replace(", )", ")")
