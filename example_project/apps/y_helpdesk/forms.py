"""The escalation form."""

from __future__ import annotations

from django import forms

from apps.y_helpdesk.models import EscalationMatrix


class EscalationForm(forms.ModelForm):
    """One level of a tenant. The page fills the list of people from ``loadPeoples``, by pages."""

    class Meta:
        model = EscalationMatrix
        fields = ("tenant", "level", "frequencyvalue", "frequency", "assignedperson")
        # A select of all people would be the first page's 5,000 options once more.
        widgets = {"assignedperson": forms.HiddenInput, "tenant": forms.NumberInput}
        labels = {"tenant": "Tenant (number)"}
