"""A Django project in a directory of its own, run in processes of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.webapp import GUARD

ROOT = Path(__file__).parent.parent.parent

SETTINGS = f"""
import os
from pathlib import Path

BASE_DIR = Path({str(ROOT)!r})
DATABASES = {{
    "default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "db.sqlite3"}}
}}
DEBUG = not os.environ.get("NO_DEBUG")
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "for the tests alone"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "nplusone_guard", "tests.webapp"]
MIDDLEWARE = [{GUARD!r}]
ROOT_URLCONF = "tests.webapp.urls"
WSGI_APPLICATION = "project.application"
NPLUSONE_GUARD = eval(os.environ.get("NPLUSONE_GUARD", "{{}}"))
LOGGING = eval(os.environ.get("LOGGING", "{{}}"))
"""

PROJECT = """
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
asgi_application = get_asgi_application()
"""

MANAGE = """
import sys
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""

USERS = """
from django.contrib.auth.models import User

for number in range(3):
    User.objects.create(username=f"user{number}")
"""


class Project:
    """The project's directory, and what can be started in it."""

    def __init__(self, directory):
        self.directory = directory
        for name, text in [
            ("settings.py", SETTINGS),
            ("project.py", PROJECT),
            ("manage.py", MANAGE),
        ]:
            (directory / name).write_text(text)
        self.manage("migrate", "--verbosity=0", check=True)
        self.manage("shell", "-c", USERS, check=True)

    def environment(self, **extra):
        paths = [str(self.directory), str(ROOT), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONUNBUFFERED": "1",
            **extra,
        }

    def manage(self, *arguments, check=False, cwd=None, **environment):
        """Run ``manage.py`` to its end."""
        return subprocess.run(
            [sys.executable, self.directory / "manage.py", *arguments],
            env=self.environment(**environment),
            cwd=cwd or self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=check,
        )

    @contextlib.contextmanager
    def serve(self, *command, **environment):
        """A server for the time of a block; ``PORT`` in ``command`` becomes a free one."""
        port = free_port()
        with (self.directory / f"server-{port}.log").open("w+") as log:
            process = subprocess.Popen(
                [sys.executable, *(part.replace("PORT", str(port)) for part in command)],
                env=self.environment(**environment),
                cwd=self.directory,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                yield Server(port, process, Path(log.name))
            finally:
                process.terminate()
                process.wait(20)

    def runserver(self, **environment):
        return self.serve(
            "manage.py", "runserver", "--noreload", "--nothreading", "127.0.0.1:PORT", **environment
        )

    def uvicorn(self, **environment):
        return self.serve(
            "-m", "uvicorn", "--port", "PORT", "--lifespan", "off", "project:asgi_application",
            **environment,
        )  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server that runs, and what it has written so far."""

    def __init__(self, port, process, log):
        self.port = port
        self.process = process
        self.log = log
        until(self.is_up)

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(self.text())
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read()

    def hang_up_on(self, path):
        """Ask for ``path`` and go away once the first bytes of its body are there."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            received = b""
            while not received.partition(b"\r\n\r\n")[2]:
                more = connection.recv(200)
                assert more, received
                received += more
            # Unread bytes make this a reset, which no server can overlook.

    def text(self):
        return self.log.read_text()

    def wait_for(self, words):
        """What was written, once ``words`` is part of it."""
        until(lambda: words in self.text(), self.text)
        return self.text()


def until(condition, describe=lambda: "no"):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(describe())
        time.sleep(0.02)
