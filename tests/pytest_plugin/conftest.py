"""``sample``: a small Django project, and pytest to run on it."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PLUGIN = "pytest_nplusone_guard.plugin"

FILES = {
    "settings.py": """
        SECRET_KEY = "for the tests alone"
        DATABASES = {
            alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
            for alias in ("default", "replica")
        }
        INSTALLED_APPS = ["shelf"]
        ROOT_URLCONF = "shelf.urls"
        DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
        USE_TZ = True
        """,
    "shelf/__init__.py": "",
    "shelf/models.py": """
        from django.db import models

        class Author(models.Model):
            name = models.CharField(max_length=20)

        class Book(models.Model):
            author = models.ForeignKey(Author, models.CASCADE)
        """,
    "shelf/data.py": """
        from shelf.models import Author, Book

        def make_books(count):
            for number in range(count):
                Book.objects.create(author=Author.objects.create(name=f"author {number}"))
        """,
    "shelf/views.py": """
        from django.http import JsonResponse
        from shelf.models import Book

        def books(request):
            names = []
            for book in Book.objects.all():
                names.append(book.author.name)
            return JsonResponse({"names": names})

        def joined(request):
            books = Book.objects.select_related("author")
            return JsonResponse({"names": [book.author.name for book in books]})
        """,
    "shelf/urls.py": """
        from django.urls import path
        from shelf import views

        urlpatterns = [path("books/", views.books), path("joined/", views.joined)]
        """,
}
INI = """
    [pytest]
    addopts = --strict-markers --no-migrations
    pythonpath = .
    DJANGO_SETTINGS_MODULE = settings
    filterwarnings = error
    """


def is_installed() -> bool:
    """Whether pytest finds the plugin by its entry point, as for a user."""
    return any(one.value == PLUGIN for one in entry_points(group="pytest11"))


#: What an argument asks for, by how it begins.
ASKED_FOR = {"-n": "xdist", "--reruns": "rerunfailures", "--randomly": "randomly"}


def only_plugins(arguments: Sequence[str], needed: Sequence[str] = ()) -> list[str]:
    """Options for pytest: the guard's plugin and pytest-django's, and no other that is not needed.

    Together the others take longer to load than the rest of a small run.
    """
    kept = {"nplusone_guard", "django", *needed}
    kept |= {
        name for begin, name in ASKED_FOR.items() if any(one.startswith(begin) for one in arguments)
    }
    others = {entry.name for entry in entry_points(group="pytest11")} - kept
    named = [] if is_installed() else ["-p", PLUGIN]
    return [*named, *(f"-pno:{name}" for name in sorted(others))]


class Sample:
    """The project's directory, and what pytest says about it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.write(**FILES)
        self.pytester.makeini(INI)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.pytester.path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))

    def run(self, source: str, *arguments: str, needed: Sequence[str] = ()) -> pytest.RunResult:
        """Write ``test_shelf.py`` and run it, the tests in the order of the file."""
        self.write(**{"test_shelf.py": source})
        return self.start(*arguments, needed=needed)

    def start(self, *arguments: str, needed: Sequence[str] = ()) -> pytest.RunResult:
        """Run what is there, with the plugins that the arguments ask for and those ``needed``."""
        return self.pytester.runpytest_subprocess(
            *only_plugins(arguments, needed), "-pno:cacheprovider", *arguments
        )


@pytest.fixture
def sample(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Sample:
    paths = [str(ROOT), str(ROOT / "pytest_plugin"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    monkeypatch.setenv("COLUMNS", "120")  # so that the summary cuts nothing
    return Sample(pytester)


def section(result: pytest.RunResult, title: str) -> str:
    """The lines below a title of pytest's output, up to the next one."""
    lines: list[str] = []
    inside = False
    for line in result.stdout.lines:
        if re.fullmatch(r"(=|_|-)\1+ .* \1+", line):
            inside = line.strip("=_- ") == title
        elif inside:
            lines.append(line)
    return "\n".join(lines).strip("\n")
