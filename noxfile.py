"""The version matrix: `nox` runs the covering set, `nox -s full` everything that is supported."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import nox

HERE = Path(__file__).parent

#: Each Python and each Django at least once, and beside SQLite each engine at least twice.
COVERING = [
    ("3.10", "4.2", "mariadb"),
    ("3.11", "5.2", "postgres"),
    ("3.12", "6.0", "mariadb"),
    ("3.13", "6.1", "postgres"),
]
#: Every pair that is supported.
PAIRS = [
    *(("3.10", "4.2"), ("3.11", "4.2"), ("3.12", "4.2")),
    *(("3.10", "5.2"), ("3.11", "5.2"), ("3.12", "5.2"), ("3.13", "5.2")),
    *(("3.12", "6.0"), ("3.13", "6.0")),
    *(("3.12", "6.1"), ("3.13", "6.1")),
]

#: Tests of what does not depend on Python or Django, or costs too much to repeat for them.
ONCE = [
    "--ignore=tests/advice/test_applied.py",
    "--ignore=tests/benchmarks",
    "--ignore=tests/concurrency/test_soak.py",
    "--ignore=tests/example",
    "--ignore=tests/test_docs.py",
]
nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "uv|virtualenv"
# A Python that is not on this machine is left out, and nox says so, in CI as well.
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"


def _put_on_path(version: str) -> None:
    """Put the Python of ``version`` first on PATH: a pyenv shim there may lead nowhere."""
    found = subprocess.run(
        [HERE / ".ci/find-python", version], capture_output=True, text=True, check=False
    ).stdout.strip()
    if found:
        os.environ["PATH"] = os.pathsep.join([str(Path(found).parent), os.environ["PATH"]])


for _version in sorted({python for python, *_ in COVERING}):
    _put_on_path(_version)


def _run(
    session: nox.Session,
    django: str,
    *engines: str,
    sqlite: Sequence[str] = (),
    corpus: Sequence[str] = (),
) -> None:
    session.install("-e", ".", "--group", "test", f"django~={django}.0")
    pytest = ["python", "-m", "pytest", "-q", *session.posargs]
    session.run(*pytest, *sqlite, env={"DJANGO_EXPECTED": django, "NPLUSONE_TEST_DB": "sqlite"})
    for engine in engines:
        environment = {"DJANGO_EXPECTED": django, "NPLUSONE_TEST_DB": engine}
        session.run(*pytest, "-m", "database", *corpus, env=environment)


@nox.session
@nox.parametrize(["python", "django", "engine"], COVERING)
def tests(session: nox.Session, django: str, engine: str) -> None:
    """The tests on SQLite; on one more engine what depends on it, but for the corpus.

    `make test` runs everything, and the corpus on every engine, with one Python and Django.
    """
    _run(session, django, engine, sqlite=ONCE, corpus=["--ignore=tests/test_corpus.py"])


@nox.session
@nox.parametrize(["python", "django"], PAIRS)
def full(session: nox.Session, django: str) -> None:
    """All tests on every supported pair of Python and Django, and on every engine."""
    _run(session, django, "postgres", "mariadb")
