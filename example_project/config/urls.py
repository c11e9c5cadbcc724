"""Addresses of the example project."""

from django.urls import path

from apps.journal.views import wellness_report

urlpatterns = [
    path("wellness/<str:variant>/", wellness_report, name="wellness-report"),
]
