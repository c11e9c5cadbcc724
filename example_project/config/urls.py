"""Addresses of the example project."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from apps.journal.views import wellness_report
from apps.peoples.views import PersonDetail
from apps.tenants.views import TenantDetail, TenantList
from apps.y_helpdesk import views as helpdesk

urlpatterns = [
    path("", TenantList.as_view(), name="tenants"),
    path("tenants/<int:pk>/", TenantDetail.as_view(), name="tenant"),
    path("people/<int:pk>/", PersonDetail.as_view(), name="person"),
    path("tickets/", helpdesk.TicketList.as_view(), name="tickets"),
    path("tickets/<int:pk>/", helpdesk.TicketDetail.as_view(), name="ticket"),
    path("escalation/", helpdesk.escalation, name="escalation"),
    path("wellness/<str:variant>/", wellness_report, name="wellness-report"),
    path("api/y_helpdesk/", helpdesk.api, name="helpdesk-api"),
    path("admin/", admin.site.urls),
]

if "rest_framework" in settings.INSTALLED_APPS:
    from config.api import router

    urlpatterns.append(path("api/", include(router.urls)))
