"""The index migrations of the performance report: forwards, backwards and forwards over data."""

from __future__ import annotations

import pytest

from tests.example.conftest import new_database, probe

pytestmark = pytest.mark.database

OURS = {
    "tracking_people_date_idx": [["people_id", "ASC"], ["receiveddate", "ASC"]],
    "tracking_ident_date_idx": [["identifier", "ASC"], ["receiveddate", "ASC"]],
    "tracking_device_idx": [["deviceid", "ASC"]],
    "journal_user_ts_desc_idx": [["user_id", "ASC"], ["timestamp", "DESC"]],
    "journal_type_ts_desc_idx": [["entry_type", "ASC"], ["timestamp", "DESC"]],
}
REPLACED = {
    "journal_user_ts_idx": [["user_id", "ASC"], ["timestamp", "ASC"]],
    "journal_type_user_idx": [["entry_type", "ASC"], ["user_id", "ASC"]],
}
KEPT = {"journal_privacy_user_idx": [["privacy_scope", "ASC"], ["user_id", "ASC"]]}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    return probe(
        "probe_migrations.py", new_database(tmp_path_factory.mktemp("migrated"), "migrated")
    )


def named(state):
    known = {*OURS, *REPLACED, *KEPT}
    return {name: columns for name, columns in state["indexes"].items() if name in known}


def test_forwards_the_reports_indexes_are_there_and_those_they_replace_are_gone(migrated):
    assert named(migrated["states"][0]) == {**OURS, **KEPT}


def test_backwards_the_tables_are_as_the_report_found_them(migrated):
    assert named(migrated["states"][1]) == {**REPLACED, **KEPT}


def test_forwards_again_they_are_as_after_the_first_time(migrated):
    assert migrated["states"][2]["indexes"] == migrated["states"][0]["indexes"]


def test_no_row_is_lost_or_changed_on_the_way(migrated):
    first, *others = [state["rows"] for state in migrated["states"]]
    assert first["Tracking"].count("deviceid") == first["JournalEntry"].count("entry_type") == 300
    assert all(rows == first for rows in others)


def test_only_postgresql_builds_them_concurrently_and_leaves_none_invalid(migrated):
    concurrent = migrated["vendor"] == "postgresql"
    for sql, statements in zip(migrated["sql"], (3, 4), strict=True):
        assert sql.count("INDEX CONCURRENTLY") == (statements if concurrent else 0)
        assert "BEGIN" not in sql
    assert migrated["invalid"] == []
