"""``DATABASE_URL``: one entry of ``DATABASES``, or one message that says what is allowed."""

from __future__ import annotations

import importlib.util

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.example.conftest import EXAMPLE


@pytest.fixture(scope="module")
def parse():
    file = EXAMPLE / "config" / "database_url.py"
    spec = importlib.util.spec_from_file_location("example_database_url", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.parse_database_url


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///wellness.sqlite3", "wellness.sqlite3"),
        ("sqlite:////var/lib/a%20b.sqlite3", "/var/lib/a b.sqlite3"),
        ("sqlite://:memory:", ":memory:"),
        ("sqlite://", ":memory:"),
    ],
)
def test_sqlite(parse, url, name):
    assert parse(url) == {"ENGINE": "django.db.backends.sqlite3", "NAME": name}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgresql_server(parse, scheme):
    assert parse(f"{scheme}://ann:p%40ss@db.example:5433/well%2Dness?sslmode=require") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "well-ness",
        "USER": "ann",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }


def test_a_postgresql_socket(parse):
    settings = parse("postgresql://postgres:@/wellness?host=/run/pg")
    assert (settings["HOST"], settings["PORT"], settings["OPTIONS"]) == ("/run/pg", "", {})


@pytest.mark.parametrize("scheme", ["mysql", "mariadb"])
def test_a_mysql_server_speaks_utf8mb4(parse, scheme):
    pytest.importorskip("pymysql")
    settings = parse(f"{scheme}://root@127.0.0.1:3307/wellness")
    assert settings["ENGINE"] == "django.db.backends.mysql"
    assert settings["OPTIONS"] == {"charset": "utf8mb4"}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("oracle://ann:secret@db/wellness", "unknown kind 'oracle'"),
        ("wellness.sqlite3", "unknown kind ''"),
        ("postgres://ann:secret@db/", "no database name after the host"),
        ("postgres://ann:secret@db:port/wellness", "Port could not be cast"),
        ("postgres://ann:secret@[::1/wellness", "Invalid IPv6 URL"),
        ("sqlite://wellness.sqlite3", "no file named; a path follows three slashes"),
        ("sqlite:///", "no file named; a path follows three slashes"),
    ],
)
def test_anything_else_is_refused_without_showing_the_password(parse, url, why):
    with pytest.raises(ImproperlyConfigured) as refused:
        parse(url)
    message = str(refused.value)
    assert why in message
    assert "Use sqlite:///relative.sqlite3, " in message
    assert "secret" not in message
