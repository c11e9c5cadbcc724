"""The routes of the views beside this file."""

from __future__ import annotations

from django.urls import include, path, re_path

from tests.webapp import views

urlpatterns = [
    path("", views.healthy),
    path("healthy/", views.healthy),
    path("loop/", views.loop),
    path("loop/<int:pk>/", views.loop),
    path("swallowing/", views.swallowing),
    path("failing/", views.failing),
    path("missing/", views.missing),
    path("aloop/", views.aloop),
    path("afailing/", views.afailing),
    path("stream/", views.stream),
    path("astream/", views.astream),
    path("stream-healthy/", views.stream_healthy),
    path("astream-healthy/", views.astream_healthy),
    path("stream-failing/", views.stream_failing),
    path("astream-failing/", views.astream_failing),
    path("stream-endless/", views.stream_endless),
    path("astream-endless/", views.astream_endless),
    path("file/", views.file),
    path("chunks-as-file/", views.chunks_as_file),
    path("chunks-as-file-healthy/", views.chunks_as_file_healthy),
    path("wait/<str:name>/", views.wait),
    path("await/<str:name>/", views.await_),
    path("static/loop/", views.loop),
    path("nested/", include([re_path(r"^regex/(?P<pk>[0-9]+)/$", views.loop)])),
]
