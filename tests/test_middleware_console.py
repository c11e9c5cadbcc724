"""Under DEBUG the log reaches the console by itself, and never twice."""

from __future__ import annotations

import logging

import pytest
from django.apps import apps
from django.test import override_settings

from nplusone_guard import apps as guard_apps
from nplusone_guard.capture import faults


@pytest.fixture
def logger(monkeypatch):
    """Our logger as in a process that has configured nothing: pytest's root is put aside."""
    ours = logging.Logger("nplusone_guard")  # noqa: LOG001 - unknown to everybody else
    ours.parent = logging.Logger("root")  # noqa: LOG001
    monkeypatch.setattr(guard_apps, "logger", ours)
    return ours


@pytest.fixture(params=["our logger", "the root"])
def configured(request, logger):
    """One of the loggers that an application may configure."""
    return logger if request.param == "our logger" else logger.parent


@override_settings(DEBUG=True)
def test_under_debug_everything_is_shown_once(logger, capsys):
    guard_apps.log_to_console()
    guard_apps.log_to_console()
    logger.info("one request")
    logger.debug("too much")
    assert capsys.readouterr().err == "one request\n"


@override_settings(DEBUG=False)
def test_outside_debug_nothing_is_added(logger, capsys):
    guard_apps.log_to_console()
    logger.info("one request")
    assert (logger.handlers, capsys.readouterr().err) == ([], "")


@override_settings(DEBUG=True)
def test_configured_logging_is_left_alone(logger, configured):
    own = logging.NullHandler()
    configured.addHandler(own)
    guard_apps.log_to_console()
    assert [*logger.handlers, *logger.parent.handlers] == [own]
    assert logger.level == logging.NOTSET


@override_settings(DEBUG=True)
def test_a_level_of_ones_own_is_kept(logger, capsys):
    logger.setLevel(logging.WARNING)
    guard_apps.log_to_console()
    logger.info("a healthy request")
    logger.warning("a loop")
    assert capsys.readouterr().err == "a loop\n"


@override_settings(DEBUG=True)
def test_logging_that_is_configured_later_takes_over(logger, configured, capsys):
    guard_apps.log_to_console()
    own = logging.StreamHandler()
    own.setFormatter(logging.Formatter("own %(message)s"))
    configured.addHandler(own)
    logger.info("one request")
    assert capsys.readouterr().err == "own one request\n"


@override_settings(DEBUG=True)
def test_a_console_that_cannot_be_written_to_breaks_nothing(logger, monkeypatch):
    guard_apps.log_to_console()
    monkeypatch.setattr("sys.stderr", None)
    logger.info("one request")


def test_a_part_that_fails_to_start_keeps_none_of_the_others_back(monkeypatch, caplog):
    def fail():
        raise RuntimeError("inside the guard")

    faults.forget_logged()
    started = []
    monkeypatch.setattr(guard_apps, "_install_hook", fail)
    monkeypatch.setattr(guard_apps, "log_to_console", lambda: started.append("console"))
    apps.get_app_config("nplusone_guard").ready()
    assert started == ["console"]
    assert "nplusone-guard failed in apps.fail; the application goes on." in caplog.text
    faults.forget_logged()
