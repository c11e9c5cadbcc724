"""What a run leaves for other tools: report files, GitHub's annotations and summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.files import write_text
from nplusone_guard.report.session import SessionReport
from pytest_nplusone_guard.ratchet import check_writable

if TYPE_CHECKING:
    from pytest_nplusone_guard.ratchet import Outcome

Render = Callable[[SessionReport, str], str]


def _gitlab(session: SessionReport, base_dir: str) -> str:
    from nplusone_guard.report import gitlab

    return gitlab.render(session, base_dir)


def _json(session: SessionReport, base_dir: str) -> str:
    return session.to_json(indent=1)


def _markdown(
    session: SessionReport,
    base_dir: str,
    known: Collection[str] = (),
    standing: Sequence[str] = (),
) -> str:
    from nplusone_guard.report import github, markdown

    url = github.source_url()
    return markdown.render(
        session, base_dir=base_dir, source_url=url, known=known, standing=standing
    )


def _sarif(session: SessionReport, base_dir: str) -> str:
    from nplusone_guard.report import sarif

    return sarif.render(session, base_dir)


#: The longest ending first: ``.gitlab.json`` is no ``.json``.
RENDERERS: Final[dict[str, Render]] = {
    ".gitlab.json": _gitlab,
    ".json": _json,
    ".sarif": _sarif,
    ".md": _markdown,
}
#: GitHub refuses a longer summary of one step, in bytes.
MAX_SUMMARY: Final = 1_000_000


def check(paths: Iterable[str], option: str = "--nplusone-report") -> None:
    """Raise ``UsageError`` for a report that cannot be written."""
    for path in paths:
        if _renderer(path) is None:
            name = os.path.basename(path) or path
            html = path.lower().endswith((".html", ".htm"))
            why = "cannot be written: HTML is to come" if html else "has no known ending"
            allowed = ", ".join(sorted(RENDERERS))
            raise pytest.UsageError(f"{option}: {name} {why}. Allowed: {allowed}.")
        check_writable(option, path)


def _renderer(path: str) -> Render | None:
    return next((RENDERERS[each] for each in RENDERERS if path.endswith(each)), None)


def write(paths: Sequence[str], session: SessionReport, base_dir: str) -> list[str]:
    """Write the reports; returns what went wrong, one line each."""
    problems = []
    for path in paths:
        render = _renderer(path)
        assert render is not None
        try:
            write_text(path, render(session, base_dir))
        except ConfigError as error:
            problems.append(str(error))
    return problems


def workspace(root: str) -> str:
    """The directory that other tools name files relative to."""
    return os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or root


def on_github() -> bool:
    """Whether this is a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(terminal: Any, session: SessionReport, base_dir: str, outcome: Outcome | None) -> None:
    """Write GitHub's annotations: commands count at the beginning of a line only.

    There is none for what is known, and no error for what an update has just recorded.
    """
    from nplusone_guard.report import github

    known, recorded = (outcome.known, outcome.recorded) if outcome is not None else ((), ())
    new = tuple(each for each in session if each.finding.id not in known)
    text = github.render(
        replace(session, findings=new),
        base_dir,
        recorded=recorded,
        record=outcome.name if outcome is not None else "",
    )
    terminal.ensure_newline()
    for line in text.splitlines():
        # Past the terminal writer, which might wrap or colour it.
        terminal._tw._file.write(f"{line}\n")  # noqa: SLF001
    terminal.flush()


def add_step_summary(
    session: SessionReport,
    base_dir: str,
    outcome: Outcome | None = None,
    standing: Sequence[str] = (),
    *,
    fails: bool = False,
) -> list[str]:
    """Add markdown to the summary of GitHub's step; returns what went wrong.

    There is none where nothing was found and the run does not fail for what is recorded.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path or not (session.findings or fails):
        return []
    known = outcome.known if outcome is not None else ()
    text = _markdown(session, base_dir, known, standing).encode("utf-8", "replace")
    try:
        with open(path, "ab") as stream:
            before = stream.tell()
            # What an earlier command left may lack the end of its line.
            apart = b"\n\n" if before else b""
            if told := _cut(text, MAX_SUMMARY - before - len(apart)):
                stream.write(apart + told)
    except OSError as error:
        return [f"GITHUB_STEP_SUMMARY: {path} cannot be written: {error.strerror}"]
    return []


def _cut(text: bytes, room: int) -> bytes:
    """As many whole lines of ``text`` as there is room for."""
    if len(text) <= room:
        return text
    return text[: text.rfind(b"\n", 0, max(room, 0)) + 1]
