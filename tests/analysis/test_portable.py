"""One call of the ORM is told alike on every engine, and different calls are told apart.

The statements are made by Django itself for each engine, without a server; ``test_corpus``
holds the ids of real runs to the same.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection, models
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    StdDev,
    Subquery,
    Sum,
    Value,
    When,
    Window,
    sql,
)
from django.db.models.functions import (
    Cast,
    Coalesce,
    Concat,
    ExtractYear,
    Greatest,
    Least,
    Length,
    Lower,
    Now,
    Rank,
    Substr,
    TruncHour,
    TruncMonth,
    Upper,
)
from django.db.utils import load_backend
from django.test.utils import isolate_apps
from hypothesis import given
from hypothesis import strategies as st

from nplusone_guard.analysis.identity import Names, identity, names_of
from nplusone_guard.analysis.portable import portable
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture.fingerprint import fingerprint
from tests import databases
from tests.corpus.models import (
    Author,
    Blog,
    CacheRow,
    Category,
    Chapter,
    Entry,
    Membership,
    Note,
    Stay,
    Tag,
)

DAY = date(2026, 3, 1)
TEXT = models.TextField()


def _wrapper(name, **known):
    """A connection that never connects: what it would ask its server is ``known``."""
    backend = f"django.db.backends.{name}"
    facts = {"ENGINE": backend, "NAME": "none", "OPTIONS": {}, "TIME_ZONE": None}
    facts |= {"AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    made = load_backend(backend).DatabaseWrapper(facts, "default")
    vars(made).update(known, get_autocommit=lambda: False)
    return made


def _mysql(version):
    server = {"version": version, "sql_mode": "", "default_storage_engine": "InnoDB"}
    server |= {"lower_case_table_names": 0, "has_zoneinfo_database": True}
    return _wrapper("mysql", mysql_server_data=server)


@pytest.fixture(scope="module")
def engines():
    """A connection of every engine that is supported."""
    pytest.importorskip("psycopg")
    pytest.importorskip("pymysql")
    databases.use_pymysql()
    return {
        "SQLite": _wrapper("sqlite3"),
        "PostgreSQL": _wrapper("postgresql", pg_version=170000),
        "MariaDB": _mysql("11.4.2-MariaDB"),
        "MySQL": _mysql("8.4.0"),
    }


def told(query, engine):
    made = query.clone().get_compiler(connection=engine).as_sql()
    text, _ = made[0] if isinstance(made, list) else made
    return portable(fingerprint(text, engine.vendor).text)


def selected(rows):
    return getattr(rows, "query", rows)


def updated(rows, **values):
    query = rows.query.chain(sql.UpdateQuery)
    query.add_update_values(values)
    return query


def deleted(rows):
    query = rows.query.clone()
    query.__class__ = sql.DeleteQuery
    return query


def inserted(*rows, **facts):
    query = sql.InsertQuery(type(rows[0]), **facts)
    query.insert_values([each for each in rows[0]._meta.fields if not each.primary_key], rows)
    return query


def chapters(**conditions):
    return Chapter.objects.filter(entry=OuterRef("pk"), **conditions)


#: Calls of which no two may be told alike.
CALLS = {
    "all": Entry.objects.all(),
    "by a key": Entry.objects.filter(author=1),
    "by another key": Entry.objects.filter(blog=1),
    "by two": Entry.objects.filter(author=1, blog=1),
    "by several": Entry.objects.filter(author__in=[1, 2]),
    "by none": Entry.objects.filter(category=None),
    "but some": Entry.objects.exclude(category=1),
    "but one": Entry.objects.exclude(author=1),
    "a flag": Note.objects.filter(done=True),
    "no flag": Note.objects.exclude(done=True),
    "greater": Entry.objects.filter(rating__gt=1),
    "greater or equal": Entry.objects.filter(rating__gte=1),
    "less": Entry.objects.filter(rating__lt=1),
    "between": Entry.objects.filter(rating__range=(1, 2)),
    "contains": Entry.objects.filter(headline__icontains="x"),
    "matches": Entry.objects.filter(headline__iregex="x"),
    "two of either": Entry.objects.filter(Q(author=1) | Q(blog__name="x")),
    "columns": Entry.objects.only("headline"),
    "other columns": Entry.objects.values("slug"),
    "pairs": Entry.objects.values_list("slug", "headline"),
    "distinct": Entry.objects.values("slug").distinct(),
    "joined": Entry.objects.select_related("author"),
    "through": Author.objects.filter(clubs__name="x"),
    "through and back": Author.objects.filter(friends__friends__name="x"),
    "to itself": Author.objects.filter(mentor__mentor__name="x"),
    "in order": Entry.objects.order_by("created"),
    "in reverse": Entry.objects.order_by("-created"),
    "in another": Entry.objects.order_by("headline"),
    "the first": Entry.objects.order_by("created")[:1],
    "many to many": Tag.objects.filter(entries=1),
    "counted": Entry.objects.annotate(n=Count("tags")),
    "more than": Entry.objects.annotate(n=Count("tags")).filter(n__gt=1),
    "counted where": Entry.objects.annotate(n=Count("tags", filter=Q(tags__name="x"))),
    "counted apart": Entry.objects.annotate(n=Count("tags", distinct=True)),
    "counted by": Entry.objects.values("author").annotate(n=Count("pk")),
    "counted in order": Entry.objects.values("blog").annotate(n=Count("pk")).order_by("-n"),
    "added": Blog.objects.annotate(n=Sum("entry__rating")),
    "averaged": Blog.objects.annotate(n=Avg("entry__rating")),
    "the greatest": Blog.objects.annotate(n=Max("entry__created")),
    "if any": Entry.objects.filter(Exists(chapters())),
    "if none": Entry.objects.filter(~Exists(chapters())),
    "of those": Entry.objects.filter(blog__in=Blog.objects.filter(name="x")),
    "of another": Entry.objects.annotate(n=Subquery(chapters(number=1).values("title")[:1])),
    "ranked": Entry.objects.annotate(n=Window(Rank(), partition_by="blog", order_by="rating")),
    "united": Entry.objects.filter(author=1).union(Entry.objects.filter(blog=1)),
    "but these": Entry.objects.filter(author=1).difference(Entry.objects.filter(blog=1)),
    "change": updated(Note.objects.filter(slug="x"), done=True),
    "change another": updated(Note.objects.filter(slug="x"), text="x"),
    "change by itself": updated(Entry.objects.filter(author=1), rating=F("rating") + 1),
    "change in order": updated(Entry.objects.order_by("created"), rating=1),
    "change one of each": updated(
        Note.objects.filter(pk__in=[1, 2]),
        text=Case(When(pk=1, then=Value("x")), output_field=models.CharField(max_length=50)),
    ),
    "delete": deleted(Note.objects.filter(slug="x")),
    "delete others": deleted(Note.objects.filter(text="x")),
    "insert": inserted(Note(slug="x")),
    "insert what is new": inserted(Note(slug="y"), on_conflict=models.constants.OnConflict.IGNORE),
}

#: Calls that engines spell differently, and that are not all told from others.
ALIKE = {
    "starts": Entry.objects.filter(headline__startswith="x"),
    "is, in any case": Entry.objects.filter(headline__iexact="x"),
    "ends, as another": Entry.objects.filter(headline__endswith=F("slug")),
    "matches": Entry.objects.filter(headline__regex="x"),
    "of a year": Entry.objects.filter(created__year=2026),
    "of a month": Entry.objects.filter(created__month=3),
    "of a weekday": Entry.objects.filter(created__week_day=3),
    "of a day": CacheRow.objects.filter(expires__date=DAY),
    "of an hour": CacheRow.objects.filter(expires__hour__gte=3),
    "over": CacheRow.objects.filter(expires__lt=Now()),
    "later": CacheRow.objects.filter(expires__gt=F("expires") + timedelta(days=1)),
    "by a flag": Note.objects.filter(done=False),
    "flags in order": Note.objects.order_by("done"),
    "by a UUID": Category.objects.filter(parent=Category().pk),
    "last without": Stay.objects.order_by(F("nights").asc(nulls_last=True)),
    "first without": Stay.objects.order_by(F("nights").desc(nulls_first=True)),
    "at random": Entry.objects.order_by("?"),
    "from the tenth": Entry.objects.all()[10:],
    "ten from the tenth": Entry.objects.all()[10:20],
    "none there": Stay.objects.filter(nights__isnull=False),
    "either, not both": Entry.objects.filter(Q(author=1) ^ Q(blog=1)),
    "length": Entry.objects.filter(headline__length__gt=3)
    if "length" in models.CharField.class_lookups
    else Entry.objects.annotate(n=Length("headline")).filter(n__gt=3),
    "lower": Entry.objects.annotate(n=Lower("headline")).filter(n="x"),
    "cut": Entry.objects.annotate(n=Substr("headline", 1, 3)),
    "joined up": Entry.objects.annotate(
        n=Concat("headline", Value(" "), "body", output_field=TEXT)
    ),
    "cast": Entry.objects.annotate(n=Cast("rating", models.CharField(max_length=9))),
    "or else": Stay.objects.annotate(n=Coalesce("nights", 0)),
    "by month": Entry.objects.annotate(n=TruncMonth("created")).values("n").annotate(m=Count("pk")),
    "by year": Entry.objects.values(n=ExtractYear("created")).annotate(m=Count("pk")),
    "dates": Entry.objects.dates("created", "month"),
    "locked": Note.objects.select_for_update().filter(slug="x"),
    "united in order": Entry.objects.values("slug").union(Note.objects.values("slug")),
    "divided": Membership.objects.filter(since__gt=F("since") / 2 % 3),
    "several rows": inserted(Note(slug="x"), Note(slug="y")),
    "changed by others": updated(
        Entry.objects.filter(pk__in=Chapter.objects.values("entry")), rating=1
    ),
    "changed to another": updated(
        Entry.objects.filter(author=1),
        headline=Subquery(Author.objects.filter(pk=OuterRef("author")).values("name")[:1]),
    ),
    "deleted by others": deleted(Chapter.objects.filter(entry__in=Entry.objects.filter(blog=1))),
    "deleted by itself": deleted(Entry.objects.filter(pk__in=Entry.objects.filter(rating=1))),
    "deleted by a join": deleted(Chapter.objects.filter(entry__author__name="x")),
    "deleted by a relation": deleted(Entry.objects.filter(tags__name="x")),
    "deleted but some": deleted(Entry.objects.exclude(tags__name="x")),
    "deleted in order": deleted(Note.objects.order_by("slug")),
}

with isolate_apps("tests.corpus"):

    class Reading(models.Model):
        """A field of each kind that engines treat apart."""

        data = models.JSONField(null=True)
        at = models.DateTimeField(null=True)
        day = models.DateField()
        lasts = models.DurationField()
        price = models.DecimalField(max_digits=9, decimal_places=2)
        share = models.FloatField()
        good = models.BooleanField()
        sure = models.BooleanField(null=True)
        key = models.UUIDField()
        address = models.GenericIPAddressField()
        text = models.TextField()
        count = models.IntegerField()

        class Meta:
            app_label = "corpus"


READINGS = Reading.objects
NO_NOTE = Exists(Note.objects.filter(done=True))
FIELDS = {
    "a key of JSON": READINGS.filter(data__a=1),
    "a path of JSON": READINGS.filter(data__a__b__0="x"),
    "no key of JSON": READINGS.exclude(data__a=1),
    "has a key": READINGS.filter(data__has_key="a"),
    "has any key": READINGS.filter(data__has_any_keys=["a", "b"]),
    "lacks a key": READINGS.filter(data__a__isnull=True),
    "more of a key": READINGS.filter(data__a__gt=1),
    "like a key": READINGS.filter(data__a__icontains="x"),
    "one of a key": READINGS.filter(data__a__in=[1, 2]),
    "by a key in order": READINGS.order_by("data__a"),
    "JSON": READINGS.filter(data={"a": 1}),
    "JSON, written": updated(READINGS.filter(count=1), data={"a": 1}, at=Now(), good=True),
    "a day": READINGS.filter(at__date__in=[DAY]),
    "days": READINGS.filter(at__date__range=(DAY, DAY)),
    "a quarter": READINGS.filter(at__quarter=2),
    "after a year": READINGS.filter(at__year__gt=2026),
    "hours": READINGS.values(n=TruncHour("at")).annotate(m=Count("pk")).order_by("n"),
    "moments": READINGS.datetimes("at", "day"),
    "later by": READINGS.filter(at__gt=F("at") + F("lasts")),
    "ago": READINGS.filter(at__lt=Now() - timedelta(days=1)),
    "longer": READINGS.filter(lasts__gt=timedelta(1)),
    "all of it": READINGS.values("count").annotate(n=Sum("lasts"), m=Avg("price")),
    "dearer": READINGS.filter(price__gte=F("count") * 2),
    "a power": READINGS.annotate(n=F("count") ** 2 % 3),
    "bits": READINGS.annotate(n=F("count").bitxor(2)),
    "greatest": READINGS.annotate(n=Greatest("count", "count"), m=Least("day", "day")),
    "spread": READINGS.values("count").annotate(n=StdDev("share")),
    "a flag of another": READINGS.filter(good=F("sure")),
    "not sure": READINGS.exclude(sure=True),
    "one of the flags": READINGS.filter(good__in=[True]),
    "if there is none": READINGS.annotate(n=NO_NOTE).filter(n=False).order_by("n"),
    "if greater": READINGS.annotate(
        n=ExpressionWrapper(Q(count__gt=2), output_field=models.BooleanField())
    ).filter(n=True),
    "in cases": READINGS.order_by(Case(When(good=True, then=0), default=1)),
    "counted in cases": READINGS.values("count").annotate(n=Count(Case(When(good=True, then=1)))),
    "summed where": READINGS.values("count").annotate(n=Sum("share", filter=Q(good=True))),
    "numbered": READINGS.annotate(
        n=Window(Rank(), partition_by=["count"], order_by=F("at").desc())
    ).filter(n__lte=2),
    "a part of a UUID": READINGS.filter(key__icontains="ab"),
    "an address": READINGS.filter(address__startswith="127"),
    "digits": READINGS.filter(count__contains=1),
    "the same text": READINGS.filter(text__iexact=F("text")),
    "in upper case": READINGS.annotate(n=Upper("text")).filter(n="X"),
    "cast to a day": READINGS.annotate(n=Cast("at", models.DateField())),
    "some of them": READINGS.filter(pk__in=READINGS.order_by("-count").values("pk")[:3]),
}
EVERY = CALLS | ALIKE | FIELDS


@pytest.mark.parametrize("call", EVERY.values(), ids=EVERY)
def test_a_call_is_told_alike_on_every_engine(engines, call):
    found = {name: told(selected(call), engine) for name, engine in engines.items()}
    assert len(set(found.values())) == 1, found


def test_other_calls_are_told_apart():
    known = {}
    for name, call in CALLS.items():
        other = known.setdefault(told(selected(call), connection), name)
        assert other == name


@given(st.text(alphabet='"`()=<>~? .,;:', max_size=60) | st.text())
def test_any_text_can_be_told(text):
    assert isinstance(portable(text), str)


def test_what_is_written_by_hand_goes_by_its_text():
    place = Site("/srv/shop/views.py", 7, "index")
    facts = ("raw-sql-in-loop", "SELECT a FROM t WHERE b = ?", place, None, "/srv")
    names = names_of(*facts, by_hand=True)
    assert names == Names(identity(*facts))
    (former,) = names_of(*facts, by_hand=False).former
    assert former == names.id


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ('SELECT "a" FROM "t" GROUP BY "a", (SELECT "b" FROM "u")', "FROM:t SELECT SELECT:a"),
        ('SELECT "a" FROM "t" FOR UPDATE OF "t"', "FROM:t SELECT SELECT:a"),
        ('SELECT EXTRACT(? FROM "a") FROM "t"', "FROM:t SELECT SELECT:a"),
        ('SELECT "a"::"citext" FROM "t" "T3"', "FROM:t SELECT SELECT:a"),
        ('INSERT INTO "t" ("a") VALUES (?) RETURNING "t"."id"', "INSERT INTO:a INTO:t"),
        (
            'INSERT INTO "t" ("a") VALUES (?) ON CONFLICT("a") DO UPDATE SET "b" = EXCLUDED."b"',
            "CONFLICT INSERT INTO:a INTO:t",
        ),
        (
            "INSERT INTO `t` (`a`) VALUES (?) ON DUPLICATE KEY UPDATE `b` = VALUES(`b`)",
            "CONFLICT INSERT INTO:a INTO:t",
        ),
        ('UPDATE "t" SET "a" = ? WHERE "t"."b" = ?', "FROM:t SET:a UPDATE WHERE:b"),
        ('UPDATE "t" SET "a" = ? WHERE "t"."id" IN (?)', "FROM:t SET:a UPDATE"),
        ('DELETE FROM "t" WHERE "t"."b" < ?', "DELETE FROM:t WHERE:< WHERE:b"),
    ],
)
def test_what_is_kept(shape, expected):
    assert portable(shape) == expected
