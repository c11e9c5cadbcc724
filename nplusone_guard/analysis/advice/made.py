"""Advice for relations of new rows: no query loads these, and so none brings the other row along.

``Review.objects.create(author_id=key)`` asks for the author as soon as ``Review.save()`` reads it.
"""

from __future__ import annotations

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject
from nplusone_guard.analysis.advice.relations import quoted


def plans(subject: Subject) -> list[Plan]:
    """In words, where the relation stands on a row that is not saved yet."""
    facts = subject.facts
    model = meta.model_of(facts.parent_model)
    if not facts.unsaved or facts.eager != "select_related" or model is None:
        return []
    text = (
        f"give each new {model.__name__} its {quoted(facts.accessor)} as an object, all loaded by "
        "one query before the loop (in_bulk), and not its key alone"
    )
    place = subject.candidate.location.loop or subject.site
    return [Plan("in_bulk", place.file, place.line, text=text, place="")]
