"""The hook: one wrapper per connection, first in line, and gone without a trace."""

from __future__ import annotations

import os
import sysconfig

import pytest
from django.db import connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler
from django.db.utils import DatabaseError

from nplusone_guard.capture import hook
from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Country

pytestmark = pytest.mark.django_db


def no_op(execute, sql, params, many, context):
    return execute(sql, params, many, context)


def test_hook_stands_first_and_once() -> None:
    connection.ensure_connection()
    hook.attach(connection)
    hook.attach(connection)
    ours = [one for one in connection.execute_wrappers if isinstance(one, hook.Hook)]
    assert connection.execute_wrappers[0] is ours[0]
    assert len(ours) == 1


def test_wrappers_opened_before_and_after_are_untouched() -> None:
    hook.detach(connection)
    with connection.execute_wrapper(no_op):
        hook.attach(connection)
        with connection.execute_wrapper(no_op):
            list(Author.objects.all())
        assert connection.execute_wrappers == [hook.hook_of(connection), no_op]
    assert connection.execute_wrappers == [hook.hook_of(connection)]


def test_uninstall_removes_only_its_own_wrapper() -> None:
    with connection.execute_wrapper(no_op):
        undo = hook.install()
        try:
            undo()
            assert connection.execute_wrappers == [no_op]
            undo()
        finally:
            hook.install()
        assert isinstance(connection.execute_wrappers[0], hook.Hook)
        assert connection.execute_wrappers[1:] == [no_op]


@pytest.mark.django_db(transaction=True)
def test_hook_survives_reconnects() -> None:
    with watch() as report:
        Author.objects.count()
        connection.close()
        Author.objects.count()
        connections.close_all()
        Author.objects.count()
    assert report.query_count == 3
    assert len([w for w in connection.execute_wrappers if isinstance(w, hook.Hook)]) == 1


@pytest.mark.database
def test_every_way_to_send_sql_is_counted() -> None:
    countries = [("x", "X"), ("y", "Y")]
    with watch() as report:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.execute("SELECT %s", [1])
            cursor.executemany("INSERT INTO corpus_country (code, name) VALUES (%s, %s)", countries)
        list(Country.objects.annotate(one=RawSQL("1", ())))
        list(Country.objects.raw("SELECT * FROM corpus_country"))
        list(Country.objects.iterator())
    assert report.query_count == 6
    assert not report.findings


@pytest.mark.database
def test_server_side_cursor_is_one_query() -> None:
    Country.objects.bulk_create([Country(code=str(i), name="n") for i in range(10)])
    with watch() as report, transaction.atomic():
        assert len(list(Country.objects.iterator(chunk_size=3))) == 10
    assert report.query_count == 1


@pytest.mark.database
def test_failed_query_is_counted_as_failed_and_raises() -> None:
    with (
        watch() as report,
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT no_such_column FROM corpus_country")
    assert (report.query_count, report.failed_count) == (1, 1)


def test_callproc_is_counted() -> None:
    class Procedures:
        def callproc(self, name, params):
            return params

    from django.db.backends.utils import CursorWrapper

    with watch() as report:
        CursorWrapper(Procedures(), connection).callproc("refresh", [1])
    assert report.query_count == 1
    assert report.shapes[0].headline.startswith("CALL refresh")


@pytest.mark.database
def test_transaction_control_is_counted_apart() -> None:
    with watch() as report, transaction.atomic():
        Country.objects.count()
    assert report.query_count == 1
    assert report.transaction_count == 2


@pytest.mark.database
@pytest.mark.django_db(databases=["default", "other"])
def test_databases_are_counted_apart() -> None:
    with watch() as report:
        Country.objects.count()
        Country.objects.using("other").count()
        Country.objects.using("other").count()
    assert report.databases == {"default": 1, "other": 2}


def test_no_scope_no_record() -> None:
    with watch() as report:
        pass
    Country.objects.count()
    assert report.query_count == 0


#: As Sentry wraps ``CursorWrapper.execute``, and Silk ``SQLCompiler.execute_sql``.
TRACER = """
def traced(function):
    def tracing(*args, **kwargs):
        with_span = lambda: function(*args, **kwargs)
        return with_span()
    return tracing
"""


def by_relation() -> None:
    for author in Author.objects.all():
        assert author.country.code


def by_relation_loaded() -> None:
    for author in Author.objects.select_related("country"):
        assert author.country.code


def by_cursor() -> None:
    with connection.cursor() as cursor:
        for key in ("a", "b", *map(str, range(3))):
            cursor.execute("SELECT name FROM corpus_country WHERE code = %s", [key])


@pytest.mark.parametrize(
    ("owner", "method"), [(CursorWrapper, "execute"), (SQLCompiler, "execute_sql")]
)
def test_what_other_tools_wrap_around_changes_no_finding(monkeypatch, owner, method) -> None:
    populate(3)

    def found(function):
        with watch() as report:
            function()
        return [(one.rule, one.count, one.loop, one.site, one.id) for one in report.findings]

    loops = (by_relation, by_cursor)
    alone = [found(function) for function in loops]
    file = os.path.join(sysconfig.get_path("purelib"), "tracer", "patch.py")
    names: dict = {}
    exec(compile(TRACER, file, "exec"), names)
    monkeypatch.setattr(owner, method, names["traced"](getattr(owner, method)))
    assert [found(function) for function in loops] == alone
    assert [len(one) for one in alone] == [1, 1]
    assert found(by_relation_loaded) == []
