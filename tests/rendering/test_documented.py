"""The sample of docs/templates.md is what a project of its own prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: The sample names lines: each of these files has what is asked for there.
FILES = {
    "blog/__init__.py": {},
    "blog/models.py": {
        1: "from django.db import models",
        4: "class Author(models.Model):",
        5: "    name = models.CharField(max_length=50)",
        8: "class Entry(models.Model):",
        9: "    author = models.ForeignKey(Author, models.CASCADE)",
    },
    "blog/views.py": {
        1: "from django.shortcuts import render",
        2: "from blog.models import Entry",
        11: "def entries(request):",
        12: "    entries = Entry.objects.all()",
        14: '    return render(request, "blog/entries.html", {"entries": entries})',
    },
    "blog/templates/blog/entries.html": {
        11: "{% for entry in entries %}",
        12: "{{ entry.author.name }}",
        13: "{% endfor %}",
    },
    "run.py": {
        1: """
from pathlib import Path

import django
from django.conf import settings

settings.configure(
    BASE_DIR=Path(__file__).parent,
    INSTALLED_APPS=["blog"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    TEMPLATES=[
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
    ],
)
django.setup()

from blog.models import Author, Entry
from blog.views import entries
from django.core.management import call_command
from django.test import RequestFactory
from nplusone_guard import watch
from nplusone_guard.report.text import render

call_command("migrate", run_syncdb=True, verbosity=0)
for number in range(20):
    Entry.objects.create(author=Author.objects.create(name=f"Author {number}"))
with watch("request") as recording:
    entries(RequestFactory().get("/"))
print(render(recording.report, width=100))
"""
    },
}


def test_the_sample_is_what_is_printed(tmp_path):
    for name, lines in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join(lines.get(number, "") for number in range(1, max(lines, default=0) + 1))
        file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    page = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
    sample = page.partition("```text\n")[2].partition("```")[0]
    assert done.returncode == 0, done.stderr
    _, _, finding = done.stdout.partition("\n")
    assert without_times(finding).strip("\n") == without_times(sample).strip("\n")


def without_times(text):
    return re.sub(r"[\d.]+ ms", "… ms", text)
