"""Places, loops and fixes in the words of the texts that people read."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.report import columns
from nplusone_guard.report.page import INDENT, Page, join_parts, row_of

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding, Origin

#: A fix is told whole, so that what it says to write can be copied; longer ones are no edit.
MAX_FIX_LINES: Final = 12
#: Lines of a fix that fits the six of its finding: a sentence is told where it takes no more.
FEW_LINES: Final = 2
#: Kinds of loop that the source line alone does not show.
_TOLD_KINDS = frozenset({"call", "gather", "recursion"})
#: Kinds of place that go by a name of their own: ``EntrySerializer.author``.
_NAMED_KINDS = frozenset({"serializer", "admin", "form", "view", "model"})


def fix_rows(finding: Finding, page: Page) -> list[str]:
    """The whole fix, in as many rows as it takes."""
    first, *more = _wrapped(fix_text(finding, page), page)
    return [row_of("fix", first), *(row_of("", line) for line in more)] if first else []


def fix_text(finding: Finding, page: Page) -> str:
    """The fix as a sentence, or as bare code where the sentence is long and code is shorter."""
    sentence = fix_sentence(finding, page)
    bare = _flat(_bare(finding), page)
    long = len(_wrapped(sentence, page))
    return bare if bare and FEW_LINES < long > len(_wrapped(bare, page)) else sentence


def fix_sentence(finding: Finding, page: Page) -> str:
    """The fix as a sentence."""
    return _flat(finding.advice.text, page)


def _flat(text: str, page: Page) -> str:
    return page.clean(" ".join(text.split()), MAX_FIX_LINES)


def _wrapped(text: str, page: Page) -> list[str]:
    return columns.wrap(text, page.width - len(INDENT), MAX_FIX_LINES, page.ellipsis)


def _bare(finding: Finding) -> str:
    """What to append or read, and where; empty where the sentence says more than that."""
    advice = finding.advice
    option = advice.options[0] if advice.options and not finding.site.package else None
    if option is None:
        return ""
    place, read = f"{os.path.basename(option.file)}:{option.line}", _one_line(option.read)
    if not advice.text.endswith((place, read) if read else place):
        return ""  # other statements are read in another way, too, or something is lost
    if read and option.expression == option.read:
        return f"read {read} at {place}"
    # Statements before the loop may give it other rows to run over, which no option says.
    told = f"{_one_line(option.expression)} at {place}" if option.expression[:1] == "." else ""
    return f"{told}; read {read}" if told and read else told


def _one_line(code: str) -> str:
    """Code on one line; what a block or bracket goes on with needs no semicolon."""
    return re.sub(r"\n\s*", "; ", re.sub(r"(?<=[:(\[{,])\n\s*", " ", code))


def source_text(site: Site, page: Page) -> str:
    """The source line of a place, with what it does not show by itself."""
    told = join_parts(
        ", ",
        f"in package {page.clean(site.package)}" if site.package else "",
        site.kind if site.kind in _TOLD_KINDS else "",
    )
    source = join_parts(" ", f"({told})" if told else "", page.clean(site.source))
    return join_parts("  ", page.clean(site.function), source) if is_named(site) else source


def loop_name(loop: Site, page: Page) -> str:
    """What a loop is called where its line is told already."""
    return page.clean(loop.function if is_named(loop) else loop.kind)


def is_named(site: Site) -> bool:
    """Whether a place goes by a name of its own, and not by that of its function."""
    return site.kind in _NAMED_KINDS


def to_change(origin: Origin) -> Site:
    """Where one edits the query that loaded the parents."""
    return origin.assigned or origin.site


def loaded_text(origin: Origin, loop: Site | None, page: Page) -> str:
    """``20 tenants.Tenant  tenants = Tenant.objects.all()``, told at the line to change."""
    place, read = to_change(origin), origin.site
    parents = f"{origin.parents:,} " if origin.parents > 0 else ""
    text = parents + page.clean(origin.model)
    if not any(same_line(read, known) for known in (place, loop)):
        text += f", read at {page.place(read, beside=place)}"
    told = same_line(place, loop) or not place.source
    return text if told else f"{text}  {page.clean(place.source)}"


def same_line(one: Site, other: Site | None) -> bool:
    """Whether both places stand on one line of one file."""
    return other is not None and (one.file, one.line) == (other.file, other.line)


def short_places(site: Site, page: Page) -> tuple[str, str]:
    """A place with its path, and without."""
    place = page.place(site)
    return place, re.split(r"[/\\]", place)[-1]
