"""A loop over what is written out does not grow with data; everything else may."""

import sys
import textwrap
import types

import pytest

from nplusone_guard.analysis.loops import enclosing_loops

#: An iterable, in a function whose module knows the names below, and its turns.
MODULE = """
    import calendar, enum, itertools
    from itertools import chain, product
    from django.db import models

    KINDS = ("a", "b", "c")
    LISTED = ["a", "b"]
    MORE = KINDS + ("d",)
    WITHOUT_FIRST = KINDS[1:]
    LABELS = {"a": "A", "b": "B"}
    GROUPS = {"one": ("a", "b"), "two": ("c",)}
    PAIRS = [(kind, 1) for kind in KINDS]
    SAME = KINDS
    TYPED: tuple[str, ...] = ("a", "b")
    FIRST, SECOND = ("a", "b"), ("c",)
    GROWN = ["a"]
    GROWN.append("b")
    EXTENDED = ["a"]
    FILLED = {"a": 1}
    ADDED = ("a",)
    ADDED += ("b",)
    SORTED = ["b", "a"]
    REBOUND = ("a",)
    LOADED = tuple("ab".upper())
    LOADED_LIST = list("ab".upper())
    LOADED_OBJECTS = tuple(object() for n in range(3))
    CIRCULAR = ("a",)
    CIRCULAR = CIRCULAR + CIRCULAR

    def fill():
        global REBOUND
        EXTENDED.extend(["b"])
        FILLED["b"] = 2
        REBOUND = ("a", "b")

    def shadow(SORTED):
        SORTED.append("c")

    class Colour(enum.Enum):
        RED = 1
        GREEN = 2
        ROUGE = 1

    class Status(models.TextChoices):
        OPEN = "o", "Open"
        DONE = "d", "Done"

    class Level(models.IntegerChoices):
        LOW = 1
        HIGH = 2
        __empty__ = "(any)"

    class Own(enum.Enum):
        A = 1
        choices = classmethod(lambda cls: [1, 2, 3])

    class Base:
        kinds = ["a", "b"]
        inherited = ("x", "y", "z")
        stored = ["a"]
        appended = ["a"]
        computed = tuple("ab".upper())
        class Status(models.TextChoices):
            OPEN = "o", "Open"

    class Holder(Base):
        kinds = ("a", "b", "c")
        def __init__(self):
            self.stored = ["a", "b"]
            self.appended.append("b")
        def f(self, parameter):
            rows = list(parameter)
            for x in ITERABLE:
                q(x)

    def run():
        Holder().f(["p"])
"""

BOUNDED = {
    # written out
    "('a', 'b')": 2,
    "'a', parameter, fill": 3,
    "['a', parameter]": 2,
    "{'a', 'b'}": 2,
    "{'a', 'b', 'a'}": 2,
    "{'a': 1, 'b': 2, 'a': 3}": 2,
    "{'a': 1, parameter[0]: 2}": 2,
    "'abc'": 3,
    "b'abc'": 3,
    "'alpha beta'.split()": 2,
    "'a,b,c'.split(',')": 3,
    "[*KINDS, 'd']": 4,
    "{**LABELS, 'c': 'C'}": 3,
    # passed on
    "enumerate(('a', 'b'), 1)": 2,
    "enumerate(sorted(['a', 'b'], key=str.lower))": 2,
    "reversed(('a', 'b'))": 2,
    "list(tuple(iter(('a', 'b'))))": 2,
    "set(KINDS)": 3,
    "{'a': 1}.items()": 1,
    "LABELS.items()": 2,
    "LABELS.keys()": 2,
    "list(LABELS.copy().values())": 2,
    "dict(x=1, y=2, **LABELS)": 4,
    "zip(('a', 'b'), KINDS)": 2,
    "zip(rows, KINDS)": 3,
    "map(str, KINDS)": 3,
    "range(len(KINDS))": 3,
    "chain(KINDS, LISTED)": 5,
    "itertools.chain(KINDS, LISTED)": 5,
    "product(KINDS, LISTED)": 6,
    "itertools.zip_longest(KINDS, LISTED)": 3,
    "KINDS[1:]": 2,
    "KINDS[:-1]": 2,
    "KINDS[::2]": 2,
    "KINDS if parameter else LISTED": 3,
    "KINDS or LISTED": 3,
    "(local := KINDS)": 3,
    "[str(k) for k in KINDS]": 3,
    "(a + b for a in KINDS for b in LISTED)": 6,
    # names
    "KINDS": 3,
    "LISTED": 2,
    "MORE": 4,
    "WITHOUT_FIRST": 2,
    "PAIRS": 3,
    "SAME": 3,
    "TYPED": 2,
    "FIRST": 2,
    "SECOND": 1,
    "SORTED": 2,
    "GROUPS['one']": 2,
    "LOADED": 2,
    "CIRCULAR": 2,
    # enumerations
    "Colour": 2,
    "list(Colour)": 2,
    "Colour.__members__": 3,
    "Colour.__members__.items()": 3,
    "Status": 2,
    "Status.choices": 2,
    "Status.values": 2,
    "Status.names": 2,
    "Status.labels": 2,
    "Level.choices": 3,
    "Level.values": 3,
    "enumerate(Level)": 2,
    "[status.value for status in Status]": 2,
    "self.Status.choices": 1,
    "Holder.Status": 1,
    # classes
    "Base.kinds": 2,
    "Holder.kinds": 3,
    "self.kinds": 3,
    "Holder.inherited": 3,
    "self.inherited": 3,
    "self.computed": 2,
    # modules
    "calendar.__all__[:2]": 2,
}

OPEN = [
    "range(10)",
    "range(len(parameter))",
    "range(1, len(KINDS))",
    "parameter",
    "rows",
    "sorted(rows)",
    "rows[:10]",
    "[*rows, 'a']",
    "{**dict.fromkeys(rows), 'c': 'C'}",
    "[k for k in KINDS if k]",
    "[k for k in rows]",
    "[k for a in KINDS for k in rows]",
    "filter(None, KINDS)",
    "KINDS + tuple(rows)",
    "KINDS if not parameter else rows",
    "zip(rows, rows)",
    "chain(KINDS, rows)",
    "list(dict.fromkeys(rows))",
    "iter(lambda: rows.pop() if rows else 'end', 'end')",
    "KINDS[:len(rows)]",
    "parameter[0]",
    "f'{parameter}'",
    "GROWN",
    "EXTENDED",
    "FILLED",
    "REBOUND",
    "LOADED_LIST",
    "LOADED_OBJECTS",
    "Own.choices()",
    "self.stored",
    "self.appended",
    "self.__dict__ or rows",
    "(local := rows)",
]


def bounded(snippet, iterable):
    source = textwrap.dedent(MODULE).replace("ITERABLE", iterable)
    seen = snippet(source)
    seen.module.run()
    return seen.loop().bounded


@pytest.mark.parametrize(("iterable", "turns"), BOUNDED.items(), ids=BOUNDED)
def test_bounded(snippet, iterable, turns):
    assert bounded(snippet, iterable) == turns


@pytest.mark.parametrize("iterable", OPEN, ids=OPEN)
def test_not_bounded(snippet, iterable):
    assert bounded(snippet, iterable) is None


def local(snippet, body, **options):
    body = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    seen = snippet(f"def f(parameter):\n{body}\nf([1, 2])\n", **options)
    return seen.loop().bounded


@pytest.mark.parametrize(
    ("body", "turns"),
    [
        ("kinds = ('a', 'b')\nfor k in kinds: q(k)", 2),
        ("kinds = ['a', 'b']\nfor k in kinds: q(k)", 2),
        ("kinds = {'a': 1}\nfor k, v in kinds.items(): q(k)", 1),
        ("kinds: list = ['a', 'b']\nfor k in kinds: q(k)", 2),
        ("kinds = ('a',)\nif parameter:\n    kinds = ('a', 'b')\nfor k in kinds: q(k)", 2),
        ("kinds = ('a', 'b')\n[q(k) for k in kinds]", 2),
        ("kinds = ('a', 'b')\nlist(q(k) for k in kinds)", 2),
        ("kinds = ('a', 'b')\ndef g():\n    for k in kinds: q(k)\ng()", 2),
        ("from calendar import __all__ as names\nfor k in ('a', 'b'): q(k)", 2),
        ("for a, ks in (('a', ('b', 'c')), ('d', ('e',))):\n    for k in ks: q(k)", 2),
        ("g = {'a': ('b', 'c', 'd')}\nfor a, ks in g.items():\n    for k in ks: q(k)", 3),
        ("g = {'a': ('b', 'c')}\nfor n, ks in enumerate(g.values()):\n    for k in ks: q(k)", 2),
        ("for n, (a, ks) in enumerate([('a', 'bcd')]):\n    for k in ks: q(k)", 3),
        ("pairs = [('a', 'bcd')]\nfor a, ks in list(pairs):\n    for k in ks: q(k)", 3),
        ("for pair in (('a', 'b'), ('c', 'd')):\n    for k in pair: q(k)", 2),
    ],
)
def test_a_name_in_the_function(snippet, body, turns):
    assert local(snippet, body) == turns


@pytest.mark.parametrize(
    "body",
    [
        "kinds = ['a']\nkinds.append('b')\nfor k in kinds: q(k)",
        "kinds = ['a']\nfor k in kinds:\n    if k == 'a': kinds.append('b')\n    q(k)",
        "kinds = ['a']\nkinds += parameter\nfor k in kinds: q(k)",
        "kinds = ['a']\nkinds[1:] = parameter\nfor k in kinds: q(k)",
        "kinds = {'a': 1}\nkinds['b'] = 2\nfor k in kinds: q(k)",
        "kinds = {'a': 1}\nkinds.update(b=2)\nfor k in kinds: q(k)",
        "kinds = {'a': 1}\nkinds.setdefault('b', 2)\nfor k in kinds: q(k)",
        "kinds = {'a'}\nkinds.add('b')\nfor k in kinds: q(k)",
        "kinds = other = ['a']\nother.append('b')\nfor k in kinds: q(k)",
        "kinds = ['a']\ndef g(): kinds.append('b')\ng()\nfor k in kinds: q(k)",
        (
            "kinds = ('a',)\ndef g():\n    nonlocal kinds\n    kinds = parameter\ng()\n"
            "for k in kinds: q(k)"
        ),
        "from heapq import heappush\nkinds = ['a']\nheappush(kinds, 'b')\nfor k in kinds: q(k)",
        "kinds = ('a',)\nkinds = tuple(parameter)\nfor k in kinds: q(k)",
        "kinds = ('a',)\nfor kinds in [parameter]: pass\nfor k in kinds: q(k)",
        "kinds = parameter\nkinds = kinds[:1]\nfor k in kinds: q(k)",
        "kinds = []\nexec('kinds.append(1)', {'kinds': kinds})\nfor k in kinds: q(k)",
        "sorted = lambda rows: parameter\nfor k in sorted(('a',)): q(k)",
        "for a, ks in (('a', parameter), ('b', ('c',))):\n    for k in ks: q(k)",
        "for a, *ks in [('a', 'b', 'c')]:\n    for k in ks: q(k)",
        "while parameter: parameter.pop(); q(1)",
        (
            "rows = parameter\nfor n in range(30): rows = rows + rows[:0] + rows[:0]\n"
            "for k in rows: q(k)"
        ),
    ],
)
def test_a_name_that_may_hold_more(snippet, body):
    assert local(snippet, body) is None


# -- over several modules ------------------------------------------------------------------


@pytest.fixture
def library(tmp_path):
    """Three modules of a package: constants, what imports them, and something generated."""
    made = []

    def add(name, source, file=True):
        module = types.ModuleType(name)
        path = tmp_path / f"{name}.py"
        if file:
            path.write_text(textwrap.dedent(source))
            module.__file__ = str(path)
        module.__package__ = name.rpartition(".")[0] or name
        sys.modules[name] = module
        made.append(name)
        exec(compile(textwrap.dedent(source), str(path), "exec"), vars(module))

    add("guardlib", "")
    add(
        "guardlib.kinds",
        """
        import datetime, decimal, enum
        KINDS = ("a", "b")
        LISTED = ["a", "b", "c"]
        LABELS = {"a": "A"}
        OBJECTS = [object(), object()]
        GROWN = ["a"]
        GROWN.append("b")
        COMPUTED = tuple("ab".upper())
        COMPUTED_LIST = list("ab".upper())
        DAYS = tuple([datetime.date(2024, 1, 1), decimal.Decimal(1), None, (1, "a"), int])
        FROZEN = frozenset("ab".upper())
        class Colour(enum.Enum):
            RED = 1
        class Config:
            fields = ["a", "b"]
            grown = ["a"]
        Config.grown.append("b")
        """,
    )
    add("guardlib.again", "from .kinds import KINDS, LISTED as NAMES, GROWN\nfrom . import kinds\n")
    add("guardlib.generated", "KINDS = ('a', 'b')\nLISTED = ['a', 'b']\n", file=False)
    vars(sys.modules["guardlib"]).update(
        kinds=sys.modules["guardlib.kinds"], again=sys.modules["guardlib.again"]
    )
    yield
    for name in made:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("statement", "iterable", "turns"),
    [
        ("from guardlib.kinds import KINDS", "KINDS", 2),
        ("from guardlib.kinds import KINDS as K", "K", 2),
        ("from guardlib.kinds import LISTED", "LISTED", 3),
        ("from guardlib.kinds import LABELS", "LABELS.items()", 1),
        ("from guardlib.kinds import OBJECTS", "OBJECTS", 2),
        ("from guardlib.kinds import COMPUTED", "COMPUTED", 2),
        ("from guardlib.kinds import DAYS", "DAYS", 5),
        ("from guardlib.kinds import FROZEN", "FROZEN", 2),
        ("from guardlib.kinds import Colour", "Colour", 1),
        ("from guardlib.kinds import Config", "Config.fields", 2),
        ("from guardlib.kinds import *", "COMPUTED", 2),
        ("from guardlib.again import NAMES", "NAMES", 3),
        ("from guardlib import kinds", "kinds.LISTED", 3),
        ("from guardlib import kinds", "kinds.Config.fields", 2),
        ("from guardlib import kinds", "kinds.Colour", 1),
        ("import guardlib.kinds", "guardlib.kinds.LISTED", 3),
        ("import guardlib.kinds as k", "k.LISTED", 3),
        ("import guardlib.again as k", "k.NAMES", 3),
        ("import guardlib.again", "guardlib.again.kinds.LISTED", 3),
        ("from guardlib.generated import KINDS", "KINDS", 2),
        ("from guardlib.generated import LISTED", "LISTED", None),
        ("from guardlib.kinds import GROWN", "GROWN", None),
        ("from guardlib.again import GROWN", "GROWN", None),
        ("from guardlib.kinds import COMPUTED_LIST", "COMPUTED_LIST", None),
        ("from guardlib.kinds import LISTED\nLISTED.append('d')", "LISTED", None),
        ("from guardlib.kinds import Config", "Config.grown", None),
        ("import guardlib.kinds as k\nk.LISTED.append('d')", "k.LISTED", None),
        ("import guardlib.kinds as k\nk.LISTED = [1]", "k.LISTED", None),
    ],
)
@pytest.mark.parametrize("place", ["module", "function"])
def test_imports(snippet, library, statement, iterable, turns, place):
    if place == "function" and "*" not in statement:
        body = textwrap.indent(statement, "    ")
        seen = snippet(f"def f():\n{body}\n    for x in {iterable}: q(x)\nf()")
    else:
        seen = snippet(f"{statement}\ndef f():\n    for x in {iterable}: q(x)\n")
        seen.module.f()
    assert seen.loop().bounded == turns


def test_no_code_of_the_application_runs(snippet):
    """Only dictionaries are read: no property, no ``__getattr__``."""
    seen = snippet("""
        class Lazy(type):
            def __getattr__(cls, name):
                touched.append(name)
                return ("a", "b")
            @property
            def choices(cls):
                touched.append("choices")
                return ("a", "b")
        class A(metaclass=Lazy):
            pass
        touched = []
        def f():
            for k in A.kinds:
                q(k, "kinds")
            for k in A.choices:
                q(k, "choices")
        f()
        touched.clear()
    """)
    assert [seen.loop("kinds").bounded, seen.loop("choices").bounded] == [None, None]
    assert seen.module.touched == []


def test_source_of_which_no_module_is_known(snippet):
    seen = snippet("""
        import enum
        KINDS = ("a", "b")
        COMPUTED = tuple("ab".upper())
        def f():
            for k in KINDS:
                q(k, "written")
            for k in COMPUTED:
                q(k, "computed")
        f()
    """)
    del sys.modules[seen.name]
    try:
        assert [seen.loop("written").bounded, seen.loop("computed").bounded] == [2, None]
    finally:
        sys.modules[seen.name] = seen.module


def test_a_class_in_a_function(snippet):
    seen = snippet("""
        def f():
            class A:
                kinds = ("a", "b")
                def g(self):
                    for k in self.kinds:
                        q(k)
            A().g()
        f()
    """)
    assert seen.loop().bounded == 2


def test_a_subclass_may_put_data_in_its_place(snippet):
    """An empty collection that was seen running is filled out of sight."""
    seen = snippet("""
        class View:
            rows = ()
            def get(self):
                for k in self.rows:
                    q(k)
        View.get(type("Sub", (), {"rows": [1, 2]}))
    """)
    assert seen.loop().bounded is None


def test_the_answer_is_kept(snippet):
    seen = snippet("def f():\n    for k in ('a', 'b'): q(k)\nf()")
    frames = seen.seen["q"]
    assert enclosing_loops(*frames[0])[0] is enclosing_loops(*frames[0])[0]
