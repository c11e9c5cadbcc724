"""The corpus: query loops as people write them, each with the healthy twin that must stay silent.

A pattern is a plain function of ``n``, the size of the data, decorated with ``@loop(rule, …)`` or
``@healthy(…)`` of ``tests.corpus.labels``. Its trailing comments say what a report must name:

* ``# site``: the innermost line of user code that sends the query,
* ``# loop``: the ``for``, ``while`` or comprehension that repeats it; the line of the call for
  ``sorted(key=)``, ``map()`` and ``gather()``; for recursion the line of the recursive call,
* ``# origin``: the line on which the query of the parents was sent,
* ``# assigned``: the assignment of the name the loop runs over, if it runs over a name.

Labels combine on one line, and may stand on a line of their own above. Without ``# assigned``
none may be reported. Several ``# site`` lines are the sites of several statements; with
``any_line=True`` each of them will do. Decorators stack, one for each expected finding;
``# loop:inner`` belongs to the one with ``tag="inner"``. A line outside of all patterns, say a
property of a model, is labelled with the tag or the name of the pattern.

``python -m pytest tests/test_corpus.py`` runs every pattern at sizes 2, 5 and 20, and proves the
labels without our tool: the queries of a loop grow with the data, those of its twin do not.
"""
