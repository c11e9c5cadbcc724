"""The organisations that share one installation."""

from __future__ import annotations

from django.db import models


class Tenant(models.Model):
    """One organisation; its people are ``tenant.people_set``."""

    tenantname = models.CharField(max_length=50)
    subdomain_prefix = models.SlugField(max_length=50, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "wellness_tenant"
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.tenantname
