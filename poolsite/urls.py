"""Addresses of the site: Django admin, and what the dashboard brings."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

admin.site.site_header = admin.site.site_title = "Pool"

handler404 = "dashboard.pages.errors.not_found"
handler500 = "dashboard.pages.errors.broken"

urlpatterns = [
    path("", RedirectView.as_view(url="/dashboard/"), name="home"),
    path("admin/", admin.site.urls),
    path("", include("dashboard.urls")),
]
