"""The views beside this file, each by its name."""

from __future__ import annotations

from django.urls import path

from tests.concurrency import recorder, views

recorder.install()

urlpatterns = [
    *(path(f"{view.__name__}/", view) for pair in views.PAIRS.items() for view in pair),
    path("soak/<int:queries>/", views.soak),
    path("asoak/<int:queries>/", views.asoak),
    path("stream/<int:chunks>/", views.stream),
    path("astream/<int:chunks>/", views.astream),
    path("state/", views.state),
]
