"""A slip in ``app.Model.field`` is told from a field that other settings may have."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django.apps import apps

from nplusone_guard.ignores import field_names
from nplusone_guard.ignores.field_names import is_slip, missing

SLIPS = {
    # a field, a relation from another model, a column, a lookup, another case
    "corpus.Entry.auhtor": ('corpus.Entry has no field "auhtor"', "author"),
    "corpus.Entry.chapters_set": ('corpus.Entry has no field "chapters_set"', "chapter_set"),
    "corpus.Entry.Author": ('corpus.Entry has no field "Author"', "author"),
    "corpus.Entry.author_id": ('corpus.Entry has no field "author_id"', "author"),
    "corpus.Entry.auhtor__country": ('corpus.Entry has no field "auhtor"', "author"),
    "corpus.Entry.remark": ('corpus.Entry has no field "remark"', "remarks"),
    # a model
    "corpus.Entyr.author": ('the app "corpus" has no model "Entyr"', "Entry"),
    "corpus.Entrys.*": ('the app "corpus" has no model "Entrys"', "Entry"),
    "corpus.entry.author": ('the app "corpus" has no model "entry"', "Entry"),
}
#: Legal, each in its own way.
KNOWN = [
    "corpus.Entry.author",
    "corpus.Entry.body",  # where it is deferred
    "corpus.Entry.*",
    "corpus.Entry.tags",
    "corpus.Entry.remarks",  # a generic relation
    "corpus.Entry.chapter_set",
    "corpus.Entry.author__country",  # an eager load by its way
    "corpus.Author.entries",
    "corpus.Author.profile",
    "corpus.Author.friends",
    "corpus.PenName.entries",  # a proxy, with all that its model has
    "corpus.PenName.country",
    "corpus.Entry_tags.entry",  # a model that Django makes
    "corpus.Entry.teaser",  # no relation, but there is such a thing
    "auth.User.groups",
]
#: Not there, and not for sure a slip: the app may be installed under other settings.
ELSEWHERE = {
    "corpsu.Entry.author": ('no app "corpsu" is installed', 'Did you mean "corpus"?'),
    "clinic.Visit.doctor": ('no app "clinic" is installed', "Known: "),
    "auth.User.visit_set": ('auth.User has no field "visit_set"', "Known: "),
    "corpus.Visit.doctor": ('the app "corpus" has no model "Visit"', "Known: "),
    "corpus.Entries.*": ('the app "corpus" has no model "Entries"', 'Did you mean "Entry"?'),
    # What a look-up calls it.
    "corpus.Entry.chapter": (
        'corpus.Entry has no field "chapter"',
        'Did you mean "chapter_set"?',
    ),
}


@pytest.mark.parametrize("field", SLIPS)
def test_a_slip_is_told_with_what_was_meant(field):
    text, meant = SLIPS[field]
    found = missing(field)
    assert (found.text, found.hint) == (text, f'Did you mean "{meant}"?')
    assert is_slip(found)


@pytest.mark.parametrize("field", KNOWN)
def test_what_is_there_is_no_slip(field):
    assert missing(field) is None


@pytest.mark.parametrize("field", ELSEWHERE)
def test_what_other_settings_may_have_is_no_slip(field):
    found = missing(field)
    text, hint = ELSEWHERE[field]
    assert (found.text, found.hint[: len(hint)]) == (text, hint)
    assert not is_slip(found)


def test_a_suffix_alone_makes_no_likeness():
    """Django has put it behind ``city`` as well."""
    found = missing("corpus.Country.copy_set")
    assert found.hint == "Known: authors, city_set, code, name."
    assert not is_slip(found)


def test_a_migration_has_models_as_they_were(tmp_path, monkeypatch, settings):
    """Its loops may read what has another name today."""
    (tmp_path / "corpus_migrations").mkdir()
    (tmp_path / "corpus_migrations/__init__.py").touch()
    migration = tmp_path / "corpus_migrations/0001_initial.py"
    monkeypatch.syspath_prepend(tmp_path)
    settings.MIGRATION_MODULES = {"corpus": "corpus_migrations"}
    for text, slip in (("", True), ('RenameField("entry", "auhtor", "author")', False)):
        migration.write_text(text)
        field_names._is_historical.cache_clear()
        assert is_slip(missing("corpus.Entry.auhtor")) is slip
    field_names._is_historical.cache_clear()


def test_a_test_may_define_a_model(tmp_path):
    file = tmp_path / "test_it.py"
    found = missing("corpus.MyEntry.author")
    for text, slip in (("", True), ("def test():\n    class MyEntry(Entry): ...", False)):
        file.write_text(text)
        assert is_slip(found, file) is slip
    assert not is_slip(found, Path("nowhere/test_it.py"))


def test_nobody_knows_before_django_is_set_up(monkeypatch):
    monkeypatch.setattr(apps, "models_ready", False)
    assert missing("corpus.Entry.auhtor") is None
    monkeypatch.delitem(sys.modules, "django.apps")
    assert missing("corpus.Entry.auhtor") is None
