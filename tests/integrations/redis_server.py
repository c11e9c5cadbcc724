"""A Redis server for the time of the tests, on a port of its own."""

from __future__ import annotations

import contextlib
import shutil
import subprocess

import redis

from tests import services
from tests.webapp.project import free_port, until


@contextlib.contextmanager
def serve(directory):
    """The URL of a server that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        services.unavailable("redis-server is not installed")
    port = free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory],
        stdout=subprocess.DEVNULL,
    )
    try:
        with redis.Redis(port=port) as client:
            until(lambda: _answers(client))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(20)


def _answers(client):
    with contextlib.suppress(redis.ConnectionError):
        return client.ping()
    return False
