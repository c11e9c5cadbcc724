from __future__ import annotations

from django.urls import include, path

from tests.frameworks.shop import admin, api

urlpatterns = [
    path("looping/", admin.looping.urls),
    path("healthy/", admin.healthy.urls),
    path("api/", include(api.router.urls)),
    path("api/categories/", api.CategoryList.as_view()),
    path("api/recent/", api.recent_orders),
]
