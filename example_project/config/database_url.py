"""``DATABASE_URL`` to one entry of Django's ``DATABASES``."""

from __future__ import annotations

import importlib.util
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

ALLOWED = (
    "sqlite:///relative.sqlite3, sqlite:////absolute.sqlite3, sqlite://:memory:, "
    "postgres://user:password@host:port/name or mysql://user:password@host:port/name "
    "(postgresql:// and mariadb:// are the same)"
)
SERVERS = {
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
    "mysql": "django.db.backends.mysql",
    "mariadb": "django.db.backends.mysql",
}


def parse_database_url(url: str) -> dict[str, Any]:
    """The ``DATABASES`` entry for ``url``.

    ``?key=value`` pairs become ``OPTIONS``, save ``host``, which names a socket
    directory or file. Raises ``ImproperlyConfigured`` for anything else; the
    message never shows the password.
    """
    if url in {"sqlite://:memory:", "sqlite://"}:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- urlsplit checks the port only when it is read
    except ValueError as error:
        raise _refusal(_without_password(url), str(error)) from None
    if parts.scheme == "sqlite":
        return _sqlite(parts)
    if parts.scheme in SERVERS:
        return _server(parts)
    raise _refusal(_without_password(url), f"unknown kind {parts.scheme!r}")


def _sqlite(parts: SplitResult) -> dict[str, Any]:
    if parts.netloc or len(parts.path) < 2:
        raise _refusal(parts.geturl(), "no file named; a path follows three slashes")
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": unquote(parts.path[1:])}


def _server(parts: SplitResult) -> dict[str, Any]:
    name = unquote(parts.path[1:])
    if not name:
        raise _refusal(_without_password(parts.geturl()), "no database name after the host")
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    engine = SERVERS[parts.scheme]
    if engine.endswith("mysql"):
        _prepare_mysql_driver()
        options.setdefault("charset", "utf8mb4")
    return {
        "ENGINE": engine,
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def _prepare_mysql_driver() -> None:
    """Let PyMySQL stand in where mysqlclient, which needs a C library, is not installed."""
    if importlib.util.find_spec("MySQLdb"):
        return
    if not importlib.util.find_spec("pymysql"):
        raise ImproperlyConfigured(
            "DATABASE_URL names MySQL or MariaDB, and neither mysqlclient nor PyMySQL is "
            "installed. Run: pip install pymysql"
        )
    import pymysql

    # Django asks for the version of mysqlclient, and older PyMySQLs name one it no longer takes.
    pymysql.version_info = max(tuple(pymysql.version_info), (2, 2, 1, "final", 0))
    pymysql.install_as_MySQLdb()


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}{at}{place}" if rest else url


def _refusal(shown: str, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"DATABASE_URL {shown!r}: {why}. Use {ALLOWED}.")
