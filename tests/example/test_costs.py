"""How the load test measures what the guard costs, shown on made-up figures."""

from __future__ import annotations

import pytest

from tests.example.conftest import probe


@pytest.fixture(scope="module")
def made_up():
    return probe("probe_costs.py", "")


def test_a_median_is_known_to_a_hundredth_by_the_notch_of_a_box_plot(made_up):
    # 1.57 times the distance of the quartiles, through the root of the number of blocks.
    assert made_up["known"] == [True, False, True, True, False]


@pytest.mark.parametrize(
    ("blocks", "times"),
    [
        ("steady", 1),
        ("steady from the second time on", 2),
        ("steady from the third time on", 3),
        ("never steady", 4),
    ],
)
def test_the_load_goes_on_until_the_costs_are_known_and_at_most_four_times(made_up, blocks, times):
    found = made_up["sent"][blocks]
    assert found["times"] == [times] * 3
    assert found["told"] == 3 * times


def test_the_cost_is_the_median_of_all_blocks(made_up):
    assert made_up["sent"]["steady from the second time on"]["median"] == 1


def test_a_worker_gets_as_many_requests_at_once_as_the_table_of_servers_says(made_up):
    """With one worker, and with three: uvicorn's take all that come, so that they get one."""
    assert made_up["at once"] == {"gunicorn": [1, 3], "uvicorn": [1, 1]}


def test_costs_are_measured_before_any_server_has_been_under_load(made_up):
    """Of three servers and a second one with the guard off."""
    assert made_up["order"] == [
        *["start"] * 4,
        *["warm up"] * 4,
        "costs",
        "load",
        *["stop"] * 4,
    ]
