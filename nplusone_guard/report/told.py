"""Places, loops and fixes in the words of the texts that people read."""

from __future__ import annotations

import os
import re

from nplusone_guard.analysis.findings import Finding, Option, Origin, Site
from nplusone_guard.report import columns
from nplusone_guard.report.page import INDENT, Page, join_parts, row_of

#: Kinds of loop that the source line alone does not show.
_TOLD_KINDS = frozenset({"call", "gather", "recursion"})
#: Kinds of place that go by a name of their own: ``EntrySerializer.author``.
_NAMED_KINDS = frozenset({"serializer", "admin", "form", "view", "model"})


def fix_rows(finding: Finding, page: Page, lines: int) -> list[str]:
    """The fix in at most ``lines`` rows, as a sentence where that fits."""
    room = page.width - len(INDENT)
    told = fix_texts(finding, page)
    text = next((text for text in told if fits(text, room, lines)), told[-1])
    first, *more = columns.wrap(text, room, lines, page.ellipsis)
    return [row_of("fix", first), *(row_of("", line) for line in more)] if text.strip() else []


def fix_texts(finding: Finding, page: Page) -> list[str]:
    """The fix as a sentence, and as bare code."""
    texts = [finding.advice.text, *(_bare(option) for option in finding.advice.options[:1])]
    return [page.clean(" ".join(text.split())) for text in texts]


def fits(text: str, room: int, lines: int) -> bool:
    """Whether ``text`` needs no more than ``lines`` lines of ``room`` columns."""
    wrapped = columns.wrap(text, room, lines, "\0")
    return not any("\0" in line for line in wrapped)


def _bare(option: Option) -> str:
    """What to write, where, and what to read then, without a sentence around it."""
    read = f"; read {option.read}" if option.read and option.read != option.expression else ""
    # Statements on one line; what a block or bracket goes on with needs no semicolon.
    code = re.sub(r"(?<=[:(\[{,])\n\s*", " ", option.expression)
    code = re.sub(r"\n\s*", "; ", code)
    return f"{code} at {os.path.basename(option.file)}:{option.line}{read}"


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
