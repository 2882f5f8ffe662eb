"""Weights and limits in Django admin: queues and tenants are edited, and the rate of a key is refilled by removing it.

Who may is decided where it is for pages and API, and the store's verbs make the change, with its entry for the audit.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from dashboard import access
from dashboard.admin.verbs import SURFACE, may
from dashboard.policy import Action
from pool.admin import KeyRateAdmin, TenantAdmin
from pool.domain.errors import InvalidOption
from pool.domain.naming import check_name
from pool.domain.tuning import TENANT_KNOBS, Knob, read_changes
from pool.models import KeyRate, Tenant
from pool.store.operate import Actor
from pool.store.tune import refill_key, remove_tenant, tune_tenant


def actor(request: HttpRequest) -> Actor:
    """Who asks, if they may."""
    decision = access.decide(request, Action.TUNE)
    if isinstance(decision, access.Refusal):
        raise PermissionDenied(decision.detail)
    return decision.actor(SURFACE)


class TuningForm(forms.ModelForm):
    """Says of each value what the command and the API say."""

    knobs: Mapping[str, Knob]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            return check_name("name", name)
        except InvalidOption as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for name in set(self.knobs) & set(given):
            try:
                given |= read_changes({name: given[name]}, self.knobs)
            except InvalidOption as error:
                self.add_error(name, str(error))
        return given


class Tuned:
    """A model admin whose rows are set by one of the store's verbs."""

    knobs: Mapping[str, Knob]
    tune: Callable[[str, Mapping[str, Any], Actor], Any]
    model: Any

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Action.TUNE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Action.TUNE)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["name", *self.knobs, *(self._others() if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["name", *self._others()] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = type("Form", (TuningForm,), {"knobs": self.knobs})
        return super().get_form(request, obj, change, form=form, **options)  # type: ignore[misc]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        type(self).tune(obj.name, {name: getattr(obj, name) for name in self.knobs}, actor(request))

    def _others(self) -> list[str]:
        return [field.name for field in self.model._meta.fields if field.name not in {"name", *self.knobs}]


admin.site.unregister(Tenant)
admin.site.unregister(KeyRate)


@admin.register(Tenant)
class TunedTenantAdmin(Tuned, TenantAdmin):
    knobs = TENANT_KNOBS
    tune = staticmethod(tune_tenant)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Action.TUNE)

    def delete_model(self, request: HttpRequest, obj: Tenant) -> None:
        remove_tenant(obj.name, actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        for name in queryset.values_list("name", flat=True):
            remove_tenant(name, actor(request))


@admin.register(KeyRate)
class RefilledKeyRateAdmin(KeyRateAdmin):
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Action.TUNE)

    def delete_model(self, request: HttpRequest, obj: KeyRate) -> None:
        refill_key(obj.key, actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[KeyRate]) -> None:
        for key in queryset.values_list("key", flat=True):
            refill_key(key, actor(request))
