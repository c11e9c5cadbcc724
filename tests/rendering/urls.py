"""The routes of the views beside this file."""

from __future__ import annotations

from django.urls import path

from tests.rendering import views

urlpatterns = [
    path("page/<str:name>/", views.page),
    path("jinja/<str:name>/", views.jinja_page),
    path("jinja-inline/", views.jinja_inline),
    path("jinja-inline-each/", views.jinja_inline_each),
    path("jinja-bare/", views.jinja_bare),
    path("inline/", views.inline),
    path("inline-twice/", views.inline_twice),
    path("inline-once/", views.inline_once),
    path("inline-each/", views.inline_each),
    path("rows/", views.rows),
    path("by-name/", views.by_name),
    path("plainly/", views.plainly),
    path("by-hand/", views.by_hand),
    path("directly/", views.directly),
    path("paginated/", views.paginated),
    path("entries/", views.Entries.as_view()),
    path("entries/healthy/", views.HealthyEntries.as_view()),
    path("entries/paged/", views.PagedEntries.as_view()),
    path("entries/from-urls/", views.ListView.as_view(model=views.m.Entry)),
    path("author/<int:pk>/", views.AuthorDetail.as_view()),
    path("of-author/<int:pk>/", views.of_author),
    path("of-author-or-404/<int:pk>/", views.of_author_or_404),
    path("of-loaded-author/<int:pk>/", views.of_loaded_author),
    path("tree/", views.tree),
    path("tree/healthy/", views.healthy_tree),
    path("later/", views.later),
    path("later-decorated/", views.later_decorated),
    path("bare/", views.bare),
]
