"""What was meant by a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: object, known: Iterable[str]) -> str:
    """``Did you mean "…"?``, or what there is to choose from."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(str(word).casefold(), folded, n=1)
    if near:
        return f'Did you mean "{folded[near[0]]}"?'
    return f"Known: {', '.join(folded.values())}."
