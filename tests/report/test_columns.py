"""Text for a terminal: made harmless, measured, shortened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nplusone_guard.report import columns
from tests.report.strategies import TEXT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("größer 日本語", "größer 日本語"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\r\n", "a\\nb\\r\\n"),
        ("a\tb\u00a0c\u3000d", "a b c d"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("a\u2028b\u200bc", "a\\u2028b\\u200bc"),
        ("caf\udce9.py", "caf\\udce9.py"),
    ],
)
def test_a_terminal_finds_nothing_to_obey(text, shown):
    assert columns.clean(text) == shown


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "20 × 語 …"),
        ("latin-1", "20 × \\u8a9e ..."),
        ("cp1251", "20 x \\u8a9e …"),
        ("ascii", "20 x \\u8a9e ..."),
    ],
)
def test_what_an_encoding_lacks_is_spelled_in_ascii(encoding, shown):
    assert columns.clean("20 × 語 …", encoding) == shown


def test_an_error_handler_spells_text_for_any_stream():
    assert "20 × …\x85".encode("ascii", columns.ERRORS) == b"20 x ...\\x85"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", columns.ERRORS)


@pytest.mark.parametrize(
    ("encoding", "usable"),
    [("utf-8", "utf-8"), (None, "utf-8"), ("cp1252", "cp1252"), ("klingon", "ascii"),
     ("hex", "ascii"), ("undefined", "ascii")],
)  # fmt: skip
def test_an_encoding_that_cannot_be_used_is_taken_for_ascii(encoding, usable):
    assert columns.usable(encoding) == usable


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [
        ("for tenant in tenants:", 22, "for tenant in tenants:"),
        ("for tenant in tenants:", 12, "for tenant…"),
        ("日本語のテナント", 7, "日本語…"),
        ("日本語のテナント", 8, "日本語…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_the_end_of_a_text_goes_first(text, room, shown):
    assert columns.shorten(text, room) == shown


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [
        ("SELECT wellness_people", 22, "SELECT wellness_people"),
        ("SELECT wellness_people", 16, "SELEC…ess_people"),
        ("日本語のテナント", 9, "日…ナント"),
        ("abc", 2, "ab"),
    ],
)
def test_the_middle_of_a_name_goes_first(text, room, shown):
    assert columns.shorten_middle(text, room) == shown


@pytest.mark.parametrize(
    ("path", "room", "shown"),
    [
        ("apps/journal/reports/weekly.py:61", 33, "apps/journal/reports/weekly.py:61"),
        ("apps/journal/reports/weekly.py:61", 32, "apps/…/reports/weekly.py:61"),
        ("apps/journal/reports/weekly.py:61", 26, "apps/…/weekly.py:61"),
        ("apps/journal/reports/weekly.py:61", 18, "…/weekly.py:61"),
        ("apps/journal/reports/weekly.py:61", 13, "apps…ly.py:61"),
        ("/srv/apps/journal/weekly.py:61", 24, "/…/journal/weekly.py:61"),
        ("C:\\apps\\journal\\weekly.py:61", 20, "C:\\…\\weekly.py:61"),
        ("/srv/" + "deep/" * 1000 + "weekly.py:61", 24, "/…/deep/weekly.py:61"),
    ],
)
def test_whole_folders_in_the_middle_of_a_path_go_first(path, room, shown):
    assert columns.shorten_path(path, room) == shown


@given(TEXT, st.integers(0, 40), st.sampled_from(["…", "..."]))
def test_nothing_is_wider_than_its_room(text, room, ellipsis):
    text = columns.clean(text)
    for shorten in (columns.shorten, columns.shorten_middle, columns.shorten_path):
        shown = shorten(text, room, ellipsis)
        assert columns.columns(shown) <= room
        assert shown == text or columns.columns(text) > room


@given(TEXT, st.integers(2, 40), st.integers(1, 3))
def test_wrapped_lines_hold_the_text_in_its_order(text, room, lines):
    text = " ".join(columns.clean(text).split())
    rows = columns.wrap(text, room, lines)
    assert len(rows) <= lines
    assert all(columns.columns(row) <= room for row in rows)
    told = "".join(rows).replace(" ", "")
    assert told == text.replace(" ", "") or told.endswith("…")


def test_lines_break_at_spaces_and_long_words_where_they_must():
    assert columns.wrap("read tenant.people_set.all() instead", 16, 3) == [
        "read",
        "tenant.people_se",
        "t.all() instead",
    ]
    assert columns.wrap("read tenant.people_set.all() instead", 16, 2) == [
        "read",
        "tenant.people_s…",
    ]


CHAIN = 'add .select_related("trainer").annotate(bookings_count=Count("bookings")) to the queryset'


def test_a_chain_of_calls_is_broken_before_the_dot_of_a_call():
    assert columns.wrap(CHAIN, 68, 3) == [
        'add .select_related("trainer")',
        '.annotate(bookings_count=Count("bookings")) to the queryset',
    ]


def test_a_chain_that_a_space_divides_well_stays_whole():
    text = 'add to the queryset at views.py:13 .select_related("trainer").annotate(n=Count("bookings"))'
    assert columns.wrap(text, 60, 3) == [
        "add to the queryset at views.py:13",
        '.select_related("trainer").annotate(n=Count("bookings"))',
    ]
