import sys

import pytest

from tests.analysis.snippets import Snippet


@pytest.fixture
def snippet(tmp_path):
    """Runs source text; what it registers in ``sys.modules`` goes again."""
    made = []

    def make(source, **options):
        path = tmp_path / f"snippet_{len(made)}.py"
        made.append(Snippet(path, source, **options))
        return made[-1]

    yield make
    for one in made:
        sys.modules.pop(one.name, None)
