r"""The wellness report as a Celery task. Needs celery.

A worker, in the directory of ``manage.py``, and a report from it::

    CELERY_BROKER_URL=redis://localhost celery -A background_tasks.celery_tasks worker
    CELERY_BROKER_URL=redis://localhost python manage.py shell -c \
        "from background_tasks.celery_tasks import wellness_report as task; task.delay('claimed')"
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("wellness")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="background_tasks.wellness_report")
def wellness_report(variant: str = "fixed", tenants: int | None = None) -> dict[str, Any]:
    """The report of the first ``tenants`` tenants (all: None), as plain values."""
    # Celery imports this module before it sets up Django, and models need Django.
    from background_tasks.journal_wellness_tasks import build_wellness_report

    return build_wellness_report(variant, tenants=tenants).as_dict()
