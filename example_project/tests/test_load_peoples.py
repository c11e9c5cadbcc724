"""The pages of ``loadPeoples``: bounds, totals, order, and an answer to every value."""

from __future__ import annotations

import pytest

ADDRESS = "/api/y_helpdesk/?action=loadPeoples"


@pytest.fixture
def ask(client, grow):
    grow(5)
    return lambda query="": client.get(f"{ADDRESS}&{query}")


def test_the_first_page_is_what_nothing_asked_for_means(ask):
    answer = ask().json()
    assert [row["text"] for row in answer.pop("items")] == [f"Ann {n}  (P{n})" for n in range(5)]
    assert answer == {
        "total_count": 5,
        "page_size": 25,
        "current_page": 1,
        "total_pages": 1,
        "has_next": False,
        "has_previous": False,
    }


def test_the_pages_hold_everybody_once_in_one_order(ask):
    pages = [ask(f"page={page}&page_size=2").json() for page in (1, 2, 3)]
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    keys = [row["id"] for page in pages for row in page["items"]]
    assert keys == [row["id"] for row in ask().json()["items"]]
    assert [(page["has_previous"], page["has_next"]) for page in pages] == [
        (False, True),
        (True, True),
        (True, False),
    ]


def test_a_page_beyond_the_last_is_empty(ask):
    answer = ask("page=9&page_size=2").json()
    assert (answer["items"], answer["total_count"], answer["total_pages"]) == ([], 5, 3)
    assert (answer["has_previous"], answer["has_next"]) == (True, False)


def test_nobody_gets_more_than_100_at_once(ask):
    assert ask("page_size=5000").json()["page_size"] == 100


@pytest.mark.parametrize("name", ["page", "page_size"])
@pytest.mark.parametrize("value", ["abc", "0", "-1", "", "1.5", "²", "9" * 5000])
def test_a_value_that_is_no_number_from_1_on_is_named(ask, name, value):
    answer = ask(f"{name}={value}")
    assert answer.status_code == 400
    assert answer.json() == {
        "error": f"{name}={value[:20]!r}: use a whole number from 1 to 999999999."
    }


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "action: use loadPeoples."),
        ("?action=loadPeoples&variant=x", "variant: use before, claimed, fixed."),
    ],
)
def test_an_action_or_a_variant_that_does_not_exist_is_named(client, db, query, error):
    answer = client.get(f"/api/y_helpdesk/{query}")
    assert (answer.status_code, answer.json()) == (400, {"error": error})
