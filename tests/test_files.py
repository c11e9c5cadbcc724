"""Files are written whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from nplusone_guard import files
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.files import Destination, read_text, write_text


def test_a_text_comes_back_as_it_was(tmp_path):
    write_text(tmp_path / "a.json", "é\n日本語\n")
    assert read_text(tmp_path / "a.json") == "é\n日本語\n"
    assert os.listdir(tmp_path) == ["a.json"]


def test_lines_end_alike_on_every_system(tmp_path):
    write_text(tmp_path / "a.json", "a\nb\n")
    assert (tmp_path / "a.json").read_bytes() == b"a\nb\n"


def test_what_utf8_lacks_is_spelled(tmp_path):
    write_text(tmp_path / "a.json", "\udcff")
    assert read_text(tmp_path / "a.json") == "\\udcff"


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf{}")
    assert read_text(tmp_path / "a.json") == "{}"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.json").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a.json")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.json").read_text() == "new"


def test_a_new_file_has_the_mode_of_the_umask(tmp_path):
    write_text(tmp_path / "a.json", "new")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o666 & ~umask


def test_a_file_keeps_its_mode(tmp_path):
    (tmp_path / "a.json").write_text("old")
    (tmp_path / "a.json").chmod(0o640)
    write_text(tmp_path / "a.json", "new")
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o640


def test_a_name_as_long_as_can_be(tmp_path):
    write_text(tmp_path / ("n" * 255), "text")
    assert os.listdir(tmp_path) == ["n" * 255]


def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE, text=True)
    write_text(tmp_path / "pipe", "text")
    assert reader.communicate(timeout=30)[0] == "text"


def test_standard_output_may_be_a_file_with_something_in_it(tmp_path):
    code = "print('before', flush=True)\nfrom nplusone_guard import files\n"
    code += "files.write_text('/dev/stdout', 'after')"
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\nafter"


@pytest.mark.parametrize(
    ("path", "why"),
    [("nowhere/a.json", "No such file or directory"), (".", "Is a directory")],
)
def test_what_cannot_be_written_is_told(tmp_path, monkeypatch, path, why):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=why):
        Destination(path).check()
    with pytest.raises(ConfigError) as caught:
        write_text(path, "text")
    assert str(caught.value) == f"{path} cannot be written: {why}"


def test_a_check_leaves_nothing_behind(tmp_path):
    Destination(tmp_path / "a.json").check()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "cannot be read: No such file or directory"),
        ("latin", b"caf\xe9", "is not UTF-8: byte 3 cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, monkeypatch, name, content, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_text(name)
    assert str(caught.value) == f"{name} {message}"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, step):
    (tmp_path / "a.json").write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(ConfigError, match="No space left on device"):
        write_text(tmp_path / "a.json", "new")
    assert os.listdir(tmp_path) == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "old"


FOREVER = """
    import itertools, sys
    from nplusone_guard.files import write_text

    for number in itertools.count():
        write_text(sys.argv[1], str(number % 10) * 1_000_000)
        print(number, flush=True)
"""


def test_a_killed_process_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a.json"
    for attempt in range(5):
        arguments = [sys.executable, "-c", textwrap.dedent(FOREVER), path]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            writer.stdout.readline()
            time.sleep(0.0031 * attempt)
            writer.send_signal(signal.SIGKILL)
        text = path.read_text()
        assert (len(text), len(set(text))) == (1_000_000, 1)
