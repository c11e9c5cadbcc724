"""The version matrix: `nox` runs the covering set, `nox -s full` every supported pair."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nox

HERE = Path(__file__).parent

#: Each Python and each Django at least once.
COVERING = [("3.10", "4.2"), ("3.11", "5.2"), ("3.12", "6.0"), ("3.13", "6.1")]
#: The supported pairs beyond those.
OTHERS = [("3.10", "5.2"), ("3.12", "5.2"), ("3.13", "5.2"), ("3.13", "6.0"), ("3.12", "6.1")]

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


for _version in sorted({python for python, _ in COVERING}):
    _put_on_path(_version)


def _run(session: nox.Session, django: str) -> None:
    session.install("-e", ".", "--group", "test", f"django~={django}.0")
    session.env["DJANGO_EXPECTED"] = django
    for engine in ("postgres", "mariadb"):
        session.env["NPLUSONE_TEST_DB"] = engine
        session.run("python", "-m", "pytest", "-q", "-m", "database", *session.posargs)
    session.env["NPLUSONE_TEST_DB"] = "sqlite"
    session.run("python", "-m", "pytest", "-q", *session.posargs)


@nox.session
@nox.parametrize(["python", "django"], COVERING)
def tests(session: nox.Session, django: str) -> None:
    """All tests on each Python and each Django, each at least once."""
    _run(session, django)


@nox.session
@nox.parametrize(["python", "django"], COVERING + OTHERS)
def full(session: nox.Session, django: str) -> None:
    """All tests on every supported pair of Python and Django."""
    _run(session, django)
