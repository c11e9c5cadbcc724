from __future__ import annotations

from django.urls import include, path

from tests.frameworks.shop import admin, api, code, graphql, views
from tests.frameworks.shop.ninja_api import api as ninja

urlpatterns = [
    path("looping/", admin.looping.urls),
    path("healthy/", admin.healthy.urls),
    path("ninja/", ninja.urls),
    path("graphql/", graphql.view),
    path("export/", code.export),
    path("export/healthy/", code.export_healthy),
    path("form/", views.form),
    path("form/create/", views.OrderCreate.as_view()),
    path("form/create/tags/", views.TagsCreate.as_view()),
    path("formset/", views.formset),
    path("inline/<int:pk>/", views.inline),
    path("api/", include(api.router.urls)),
    path("api/categories/", api.CategoryList.as_view()),
    path("api/recent/", api.recent_orders),
]
