"""``nplusone-guard``: what reports in JSON become after the run that wrote them.

It asks no project for settings and imports no Django.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.files import read_text, write_text
from nplusone_guard.report import (
    columns,
    github,
    gitlab,
    markdown,
    records,
    sarif,
    session_json,
    shards,
    summary,
)
from nplusone_guard.report.columns import ERRORS
from nplusone_guard.report.comparing import SessionDiff, diff
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.page import MIN_WIDTH
from nplusone_guard.report.session import SessionFinding, SessionReport
from nplusone_guard.report.settling import complete
from nplusone_guard.report.text import render_finding

OK: Final = 0
#: ``diff --fail`` or ``merge --baseline`` found what may not be.
FAILED: Final = 1
#: A wrong option or file; argparse ends with the same status.
USAGE: Final = 2

_EXIT_CODES = """\
exit codes:
  0  done
  1  diff --fail: there are new findings of severity "error"
     merge --baseline: findings are new or expired, or (--strict) entries stale
  2  wrong options, or a file that is missing or cannot be read or written
"""

_EXAMPLES = """\
examples:
  nplusone-guard merge shard-*.json --expect 4 -o all.json
  nplusone-guard diff main.json all.json --fail
  nplusone-guard render all.json --markdown -o summary.md

A FILE is a report or a session in JSON; "-" is standard input.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of ``arguments`` (default: those of the process); its exit code."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:  # argparse itself would tell it with the usage of the whole program
        told = f"unrecognized arguments: {' '.join(unknown)}; --help lists those there are"
        options.parser.error(told)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except ConfigError as error:
        sys.stderr.write(f"nplusone-guard: error: {error}\n")
        return USAGE
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


# ── commands ────────────────────────────────────────────────────────────────────────


def _merge(options: argparse.Namespace) -> int:
    if options.strict and not options.baseline:
        raise ConfigError("--strict needs a file: --baseline FILE")
    reports = _load_all(options.files)
    shards.check(reports, options.expect)
    session = _together(reports, options.expect)
    # What is wrong in the baseline is told before anything is written.
    status = _hold(options, session, reports) if options.baseline else OK
    _put(options, session.to_json(indent=2) + "\n")
    return status


def _hold(
    options: argparse.Namespace, session: SessionReport, reports: Mapping[str, SessionReport]
) -> int:
    """Hold the suite against a baseline, as a run of all its tests does."""
    import datetime

    from nplusone_guard import baseline, standing

    unjudged = standing.why_unjudged(reports, session, options.expect)
    judged = session.judged
    compared = baseline.compare(
        baseline.load(options.baseline),
        judged,
        today=datetime.date.today(),  # noqa: DTZ011 - people write days of their own calendar
        complete=not unjudged,
        unproven=session.suite.unproven if session.suite is not None else (),
    )
    name = os.path.basename(options.baseline)
    width = max(shutil.get_terminal_size((100, 24)).columns, MIN_WIDTH)
    new = _named(compared.new, options, width)
    for line in standing.lines(
        compared,
        name,
        strict=options.strict,
        new=new,
        aside=len(session) - len(judged),
        width=width,
    ):
        _tell(line)
    if unjudged:
        _tell(f"   stale entries are not judged: {unjudged}")
    return FAILED if compared.fails(strict=options.strict) else OK


def _named(new: Iterable[SessionFinding], options: argparse.Namespace, width: int) -> Iterator[str]:
    """New findings in one line each, as a report that is merged shows them nowhere else."""
    base_dir = _base_dir(options)
    for each in new:
        told = render_finding(
            each.finding, width=width - 8, base_dir=base_dir, brief=True, again=False
        )
        yield told.strip()


def _tell(line: str) -> None:
    """Write a line to the standard error, in what its encoding has."""
    encoding = columns.usable(sys.stderr.encoding)
    sys.stderr.write(line.encode(encoding, ERRORS).decode(encoding) + "\n")


def _diff(options: argparse.Namespace) -> int:
    difference = diff(_joined([options.old]), _joined([options.new]))
    _put(options, _diff_text(difference, options))
    failing = any(entry.finding.severity == "error" for entry in difference.new)
    return FAILED if options.fail and failing else OK


def _diff_text(difference: SessionDiff, options: argparse.Namespace) -> str:
    base_dir = _base_dir(options)
    if options.format == "markdown":
        return markdown.render_diff(difference, base_dir, source_url=github.source_url())
    return summary.render_diff(difference, width=_width(options), base_dir=base_dir) + "\n"


def _render(options: argparse.Namespace) -> int:
    session = _joined(options.files)
    _put(options, _FORMATS[options.format](session, options))
    return OK


def _text(session: SessionReport, options: argparse.Namespace) -> str:
    text = summary.render(
        session,
        width=_width(options),
        base_dir=_base_dir(options),
        show_cleared=options.show_cleared,
    )
    return text + "\n"


def _markdown(session: SessionReport, options: argparse.Namespace) -> str:
    return markdown.render(session, _base_dir(options), source_url=github.source_url())


_FORMATS: Final[dict[str, Callable[[SessionReport, argparse.Namespace], str]]] = {
    "text": _text,
    "markdown": _markdown,
    "sarif": lambda session, options: sarif.render(session, _base_dir(options)),
    "github": lambda session, options: github.render(session, _base_dir(options)),
    "gitlab": lambda session, options: gitlab.render(session, _base_dir(options)),
    "json": lambda session, options: session.to_json(indent=2) + "\n",
}


# ── files and surroundings ──────────────────────────────────────────────────────────


def _joined(paths: Sequence[str]) -> SessionReport:
    """The reports as one, with a word on the parts of the suite that are not there."""
    reports = _load_all(paths)
    session = _together(reports)
    absent = shards.missing(shards.shards_of(session))
    if absent and len(reports) > 1:
        sys.stderr.write(f"nplusone-guard: warning: missing shards: {', '.join(absent)}\n")
    return session


def _load_all(paths: Sequence[str]) -> dict[str, SessionReport]:
    """The reports by the names of their files, each once."""
    return {path: _load(path) for path in dict.fromkeys(paths)}


def _together(reports: Mapping[str, SessionReport], expected: int | None = None) -> SessionReport:
    """The parts of a suite together; what only the whole can tell, no single part does."""
    session = session_of(*reports.values())
    numbers = shards.shards_of(session)
    if numbers:
        whole = not shards.missing(numbers)
    else:
        whole = len(reports) > 1 or expected == 1 or session.coverage == "whole"
    return complete(session) if whole else session


def _load(path: str) -> SessionReport:
    text = _standard_input() if path == "-" else read_text(path)
    with records.naming("standard input" if path == "-" else path):
        session = session_json.read(text)
        shards.check_numbers(session)
        return session


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"standard input is not UTF-8: byte {error.start} cannot be read"
        raise ConfigError(message) from error


def _put(options: argparse.Namespace, text: str) -> None:
    if options.output:
        write_text(options.output, text)
        return
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, ERRORS).decode(encoding))
    sys.stdout.flush()


def _width(options: argparse.Namespace) -> int:
    """That of the terminal; of a file the default."""
    return 100 if options.output else shutil.get_terminal_size((100, 24)).columns


def _base_dir(options: argparse.Namespace) -> str:
    stated = getattr(options, "base_dir", None)  # ``merge`` has no such option
    return stated or os.environ.get("GITHUB_WORKSPACE") or os.getcwd()


# ── options ─────────────────────────────────────────────────────────────────────────


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nplusone-guard",
        description="Merge, compare and render the JSON reports of nplusone-guard.",
        epilog=f"{_EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_merge(commands)
    _add_diff(commands)
    _add_render(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked: that takes longer than all else."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"nplusone-guard {version('nplusone-guard')}\n")
        parser.exit()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of reports")
    return int(text)


_Commands = argparse._SubParsersAction  # noqa: SLF001 - the only name argparse has for it


def _add_merge(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "merge",
        _merge,
        "Join reports into one session.",
        "Each finding is kept once, as it was at its worst, with all scopes that reach it. A scope "
        "that is in several files counts once, so shards may overlap. What only a whole suite can "
        "tell, such as an ignore without use, is told of several files, unless one of the runs "
        "broke off. A part that is missing is an error: runs with --nplusone-shard=K/N number "
        "their reports, and of others --expect says how many there are.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="reports or sessions in JSON")
    parser.add_argument(
        "--expect", metavar="N", type=_count, help="fail unless there are N reports"
    )
    parser.add_argument(
        "--baseline",
        metavar="FILE",
        help="hold the findings against FILE, and tell which of its entries no part has met",
    )
    parser.add_argument(
        "--strict", action="store_true", help="with --baseline: fail for these as well"
    )


def _add_diff(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "diff",
        _diff,
        "Show the findings that came and went.",
        "Findings are compared by id, which holds no line numbers and no counts.",
    )
    parser.add_argument("old", metavar="OLD", help="a report or session in JSON")
    parser.add_argument("new", metavar="NEW", help="a later one")
    parser.add_argument(
        "--fail", action="store_true", help="exit with 1 if new findings are errors"
    )
    _add_format(parser, ("text", "markdown"))
    _add_base_dir(parser)


def _add_render(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "render",
        _render,
        "Show reports as text, Markdown, SARIF or for a CI service.",
        "Several files are merged first.",
    )
    parser.usage = f"{parser.prog} [FORMAT] [OPTION ...] FILE ..."
    parser.add_argument("files", nargs="+", metavar="FILE", help="reports or sessions in JSON")
    _add_format(parser, tuple(_FORMATS))
    parser.add_argument(
        "--show-cleared", action="store_true", help="in text, list healthy repetitions, too"
    )
    _add_base_dir(parser)


def _command(
    commands: _Commands[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    brief: str,
    more: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=brief[0].lower() + brief[1:-1],
        description=textwrap.fill(f"{brief} {more}", 78),
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, parser=parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write to FILE, whole or not at all (default: stdout)",
    )
    return parser


_FORMAT_HELP: Final = {
    "text": "plain text for a terminal (the default)",
    "markdown": "Markdown, as for $GITHUB_STEP_SUMMARY",
    "sarif": "SARIF 2.1.0, as for code scanning",
    "github": "annotations of GitHub Actions; print these to the job's log",
    "gitlab": "a code quality report of GitLab",
    "json": "a session in JSON",
}


def _add_format(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    group = parser.add_mutually_exclusive_group()
    for name in formats:
        flags = ["--markdown", "--md"] if name == "markdown" else [f"--{name}"]
        group.add_argument(
            *flags, dest="format", action="store_const", const=name, help=_FORMAT_HELP[name]
        )
    parser.set_defaults(format="text")


def _add_base_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--base-dir",
        metavar="DIR",
        help="show paths relative to DIR (default: $GITHUB_WORKSPACE, or the working directory)",
    )


if __name__ == "__main__":
    sys.exit(main())
