import pytest
from django.db import models
from django.test.utils import isolate_apps

from nplusone_guard.analysis.advice import meta


@pytest.mark.parametrize(
    ("name", "one", "many"),
    [
        ("JournalEntry", "journal_entry", "journal_entries"),
        ("Class", "class_", "classs"),
        ("Return", "return_", "returns"),
        ("A", "a", "as_"),
        ("I", "i", "is_"),
        ("AL_Node", "al_node", "al_nodes"),
        ("HTTPServer", "httpserver", "http_servers"),
    ],
)
@isolate_apps("tests.corpus")
def test_rows_are_never_called_by_a_keyword(name, one, many):
    model = type(name, (models.Model,), {"__module__": "tests.corpus.models"})
    assert (meta.variable(model), meta.plural(model)) == (one, many)
