"""When ``settings.NPLUSONE_GUARD`` is read, and what holds where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from nplusone_guard import conf
from nplusone_guard.exceptions import ConfigError


@pytest.mark.parametrize(("debug", "mode"), [(True, "log"), (False, "off")])
def test_the_default_mode_follows_debug(debug, mode):
    with override_settings(DEBUG=debug):
        assert conf.policy_from_settings().mode == mode


def test_debug_set_without_a_signal_is_noticed(monkeypatch):
    conf.policy_from_settings()
    monkeypatch.setattr(settings, "DEBUG", True)  # as Django's test runner does at its start
    assert conf.policy_from_settings().mode == "log"


def test_the_policy_is_read_once_and_again_after_a_change():
    with override_settings(NPLUSONE_GUARD={"THRESHOLD": 3}):
        first = conf.policy_from_settings()
        assert conf.policy_from_settings() is first
        with override_settings(NPLUSONE_GUARD={"THRESHOLD": 4}):
            assert conf.policy_from_settings().threshold == 4
        with override_settings(BASE_DIR="/srv"):
            assert conf.policy_from_settings().base_dir == "/srv"
        assert conf.policy_from_settings() == first


@override_settings(NPLUSONE_GUARD={"MODE": "x", "NEW": 1})
def test_a_bad_setting_raises_each_time_and_counts_the_others():
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"MODE.*Allowed.*\(and 1 more: manage.py check\)"):
            conf.policy_from_settings()


@pytest.mark.parametrize(
    ("static", "media", "expected"),
    [
        ("/static/", "/media/", ("/static/", "/media/", "/__debug__/")),
        ("static/", "", ("/static/", "/__debug__/")),
        (None, "", ("/__debug__/",)),
        ("https://cdn.example/", "/", ("/__debug__/",)),
    ],
)
def test_static_and_media_files_are_excluded_by_default(static, media, expected):
    with override_settings(STATIC_URL=static, MEDIA_URL=media):
        assert conf.policy_from_settings().exclude_paths == expected


@override_settings(BASE_DIR=Path("/srv/app"))
def test_the_base_directory_is_the_projects_own():
    assert conf.policy_from_settings().base_dir == str(Path("/srv/app"))
