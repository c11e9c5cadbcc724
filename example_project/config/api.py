"""The REST endpoints, for those who manage the installation. Needs djangorestframework."""

from __future__ import annotations

from rest_framework import permissions, routers, serializers, viewsets
from rest_framework.pagination import PageNumberPagination

from apps.attendance.models import Tracking
from apps.journal.models import JournalEntry
from apps.peoples.models import People


class Pages(PageNumberPagination):
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 100


class PeopleSerializer(serializers.ModelSerializer):
    tenant = serializers.CharField(source="tenant.tenantname", read_only=True)

    class Meta:
        model = People
        fields = ("id", "peoplecode", "first_name", "last_name", "tenant")


class EntrySerializer(serializers.ModelSerializer):
    user = PeopleSerializer(read_only=True)

    class Meta:
        model = JournalEntry
        fields = ("id", "user", "timestamp", "entry_type", "mood_rating", "stress_level")


class TrackingSerializer(serializers.ModelSerializer):
    people = serializers.StringRelatedField()

    class Meta:
        model = Tracking
        fields = ("uuid", "people", "deviceid", "identifier", "receiveddate")


class ReadOnly(viewsets.ReadOnlyModelViewSet):
    """Pages in one order. Each endpoint loads with its rows what its serializer reads of them."""

    permission_classes = (permissions.IsAdminUser,)
    pagination_class = Pages


class PeopleEndpoint(ReadOnly):
    queryset = People.objects.select_related("tenant").order_by("pk")
    serializer_class = PeopleSerializer


class EntryEndpoint(ReadOnly):
    queryset = (
        JournalEntry.objects.exclude(privacy_scope=JournalEntry.PrivacyScope.PRIVATE)
        .select_related("user__tenant")
        .order_by("-timestamp", "-pk")
    )
    serializer_class = EntrySerializer


class TrackingEndpoint(ReadOnly):
    queryset = Tracking.objects.select_related("people").order_by("-receiveddate", "-pk")
    serializer_class = TrackingSerializer


router = routers.DefaultRouter()
router.register("people", PeopleEndpoint)
router.register("journal", EntryEndpoint)
router.register("tracking", TrackingEndpoint)
