"""What README and docs show is run: Python blocks as they stand, commands checked to exist."""

from __future__ import annotations

import re
import runpy
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import get_commands

from nplusone_guard import conf

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

#: A fenced block or an HTML comment, with whatever stands before it on its first line.
ELEMENT = re.compile(
    r"^(?P<indent>[ ]*)```(?P<language>\w+)\n(?P<code>.*?)^(?P=indent)```[ ]*$"
    r"|^[ ]*<!--[ ]*(?P<comment>.*?)-->[ ]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    #: The number of the line of the page on which the code begins.
    line: int
    #: Why it is not run; empty if it is.
    excuse: str = ""


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, and as Python its comments that begin with ``run:``."""
    found = []
    excuse, excuse_end = "", -1
    for match in ELEMENT.finditer(text):
        comment = match["comment"]
        if comment is None:
            adjacent = not text[excuse_end : match.start()].strip() and excuse_end >= 0
            line = text.count("\n", 0, match.start("code")) + 1
            code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
            found.append(Block(match["language"], code, line, excuse if adjacent else ""))
        elif comment.startswith("run:"):
            line = text.count("\n", 0, match.start("comment")) + 1
            found.append(Block("python", comment.replace("run:", "    ", 1).lstrip(" "), line))
        excuse, excuse_end = _excuse(comment), match.end()
    return found


def _excuse(comment: str | None) -> str:
    return (comment or "").partition("not run:")[2].strip()


def as_module(page: list[Block]) -> str:
    """The runnable Python of a page as one module in which each line keeps its number."""
    lines: list[str] = []
    for block in page:
        if block.language == "python" and not block.excuse:
            lines += [""] * (block.line - 1 - len(lines))
            lines += block.code.splitlines()
    return "\n".join(lines) + "\n"


def commands(page: list[Block]) -> list[str]:
    return [
        line.removeprefix("$ ").strip()
        for block in page
        if block.language == "console" and not block.excuse
        for line in block.code.splitlines()
        if line.startswith("$ ")
    ]


@pytest.mark.django_db(databases=["default", "other"])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_python_of_a_page_runs(path, tmp_path):
    module = tmp_path / f"{path.stem.lower()}_page.py"
    module.write_text(as_module(blocks(path.read_text())))
    names = runpy.run_path(str(module), run_name="page")
    assert conf.read(names.get("NPLUSONE_GUARD", {}))[1] == ()


def test_commands_exist():
    unknown = [
        f"{path.name}: {command}"
        for path in PAGES
        for command in commands(blocks(path.read_text()))
        if not exists(command)
    ]
    assert unknown == []


def exists(command: str) -> bool:
    words = [word for word in command.split() if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if words[0] == "make":
        return words[1] in make_targets()
    if words[0].rpartition("/")[2] in {"python", "python3"}:
        words = words[1:]
    if words[0].endswith("manage.py"):
        return words[1] in get_commands() or words[1] in example_commands()
    if words[:2] == ["-m", "pytest"]:
        return True
    return words[0].removeprefix("./") == ".ci/run"


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def example_commands() -> set[str]:
    return {path.stem for path in (ROOT / "example_project").rglob("management/commands/*.py")}


PAGE = """\
# Title

<!-- run:
x = 1
-->
```python
y = x
```

<!-- not run: a reason -->
```python
1 / 0
```

- item

  ```console
  $ A=1 make nothing ARGS=2
  output
  ```
"""


def test_a_page_is_read_as_it_looks():
    page = blocks(PAGE)
    assert [(block.language, block.excuse) for block in page] == [
        ("python", ""),
        ("python", ""),
        ("python", "a reason"),
        ("console", ""),
    ]
    assert as_module(page) == "\n\n\nx = 1\n\n\ny = x\n"
    assert commands(page) == ["A=1 make nothing ARGS=2"]
    assert not exists(commands(page)[0])


def test_every_block_says_its_language_and_every_excuse_its_reason():
    for path in PAGES:
        text = path.read_text()
        fences = re.findall(r"^[ ]*```(.*)$", text, re.MULTILINE)
        assert all(fences[::2]), path.name
        assert not re.search(r"not run:\s*-->", text), path.name
