"""The site as it comes: complete, strict towards browsers, and serving its own files."""

import asyncio
import re

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import reverse

from dashboard.pages.errors import broken
from poolsite.security import POLICY

INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=|javascript:", re.IGNORECASE)
JSON_BLOCK = re.compile(r'<script[^>]*type="application/json".*?</script>', re.DOTALL)


@pytest.fixture
def staff(client, db):
    client.force_login(get_user_model().objects.create_superuser("ada"))
    return client


@pytest.mark.django_db
def test_the_site_passes_all_checks():
    assert [] == run_checks()


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True)


def test_the_root_leads_to_the_dashboard(client):
    assert "/dashboard/" == client.get("/").headers["Location"]


def test_every_answer_carries_the_headers(client, db):
    headers = client.get("/admin/login/").headers
    policy = headers["Content-Security-Policy"]
    assert all(f"{directive} {' '.join(values)}" in policy for directive, values in POLICY.items())
    assert "unsafe" not in policy
    assert ("DENY", "nosniff") == (headers["X-Frame-Options"], headers["X-Content-Type-Options"])
    assert "same-origin" == headers["Referrer-Policy"]


def admin_pages():
    models = [model._meta for model in admin.site._registry]
    yield from ("admin:index", "admin:password_change")
    yield from (f"admin:{meta.app_label}_{meta.model_name}_changelist" for meta in models)
    yield from (f"admin:{name}_add" for name in ("auth_user", "auth_group"))


def test_admin_has_nothing_inline_that_the_policy_forbids(staff):
    for name in admin_pages():
        page = JSON_BLOCK.sub("", staff.get(reverse(name), follow=True).content.decode())
        assert [] == INLINE.findall(page), name


def test_all_loopback_names_reach_the_site_and_no_other(client, db):
    for host, status in [("localhost", 200), ("127.0.0.1:8000", 200), ("[::1]", 200), ("evil.example", 400)]:
        assert status == client.get("/admin/login/", headers={"host": host}).status_code


def fetch(path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """Get a page from the ASGI application, as daphne would."""

    async def talk() -> tuple[int, dict[bytes, bytes], bytes]:
        from poolsite.asgi import application

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        conversation = ApplicationCommunicator(application, scope)
        await conversation.send_input({"type": "http.request", "body": b"", "more_body": False})
        start = await conversation.receive_output(5)
        body, more = b"", True
        while more:
            part = await conversation.receive_output(5)
            body, more = body + part.get("body", b""), part.get("more_body", False)
        await conversation.wait(5)
        return start["status"], dict(start["headers"]), body

    return asyncio.run(talk())


def test_static_files_need_no_collecting():
    status, headers, body = fetch("/static/admin/css/base.css")
    headers = {name.lower(): value for name, value in headers.items()}
    assert 200 == status
    assert b"nosniff" == headers[b"x-content-type-options"]
    assert b"access-control-allow-origin" not in headers
    assert b":root" in body
    assert 404 == fetch("/static/admin/css/../../settings.py")[0]


def test_secrets_are_for_the_owner_alone(tmp_path):
    from poolsite.secret_key import stored_secret_key

    path = tmp_path / "var" / "secret_key"
    key = stored_secret_key(path)
    assert len(key) >= 50
    assert key == stored_secret_key(path)
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
    assert ["secret_key"] == [file.name for file in path.parent.iterdir()]


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_address_with_nothing_has_a_page(client, method):
    answer = getattr(client, method)("/nothing-here")
    assert 404 == answer.status_code
    assert "There is no page at this address" in answer.content.decode()
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_form_without_its_token_is_refused_with_a_page(db):
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("ada"))
    answer = client.post("/dashboard/pool/scale", {"size": 3})
    assert (403, True) == (answer.status_code, "Nothing was changed" in answer.content.decode())


def test_an_error_of_ours_has_a_page_that_needs_no_database():
    answer = broken(RequestFactory().get("/dashboard/"))
    assert (500, True) == (answer.status_code, "The page could not be made" in answer.content.decode())
