"""Celery's own command, with brokers that reach other processes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import pytest
from celery import Celery

from nplusone_guard import watch
from tests.integrations.work import PLACE
from tests.webapp.project import ROOT, until

SHOP = """
import json
import os

from celery import Celery

app = Celery("shop")
app.conf.update(json.loads(os.environ["CELERY"]))


@app.task(name="shop.loop")
def loop():
    from tests.integrations import work

    return work.loop()


@app.task(name="shop.healthy")
def healthy():
    from tests.integrations import work

    return work.healthy()
"""


@pytest.fixture
def brokers(request, tmp_path):
    """The configuration of Celery for ``files``, which need no server, or ``redis``."""

    def configuration(kind):
        options = {"broker_connection_retry_on_startup": True}
        if kind == "redis":
            url = request.getfixturevalue("redis_url")
            return {"broker_url": url, "result_backend": url, **options}
        folders = {f"data_folder_{way}": str(tmp_path) for way in ("in", "out")}
        transport = {**folders, "control_folder": str(tmp_path / "control")}
        return {"broker_url": "filesystem://", "broker_transport_options": transport, **options}

    return configuration


@contextlib.contextmanager
def running_worker(project, pool, configuration):
    """``celery worker`` in a process of its own; gives a reader of what it writes."""
    (project.directory / "shop.py").write_text(SHOP)
    command = f"-m celery -A shop worker --pool {pool} --concurrency 2 --loglevel INFO"
    options = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    settings = "{'MODE': 'log', 'SHOW_CLEARED': True}"
    log_file = project.directory / "worker.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command.split(), *options],
            env=project.environment(CELERY=json.dumps(configuration), NPLUSONE_GUARD=settings),
            cwd=project.directory,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: " ready." in log_file.read_text(), log_file.read_text)
        yield log_file.read_text
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize(
    ("pool", "broker"),
    [("prefork", "files"), ("threads", "files"), ("solo", "redis"), ("prefork", "redis")],
)
def test_a_worker_of_its_own_reports_its_tasks(project, brokers, pool, broker):
    configuration = brokers(broker)
    with running_worker(project, pool, configuration) as written:
        with watch("asking") as recording, Celery("asking") as asking:
            asking.conf.update(configuration)
            for name in ("shop.loop", "shop.healthy"):
                asking.send_task(name)
        told = f" correlation id: {recording.report.correlation_id}\n"
        until(lambda: written().count(told) == 2, written)
    text = written()
    file, query, loop = PLACE
    short = file.removeprefix(f"{ROOT}/")
    assert "celery:shop.loop: 4 queries in" in text
    assert f"   query   {short}:{query}  " in text
    assert f"   loop    {short}:{loop}  " in text
    assert "celery:shop.healthy: 1 query in" in text
    assert text.count("query-in-loop") == 1
