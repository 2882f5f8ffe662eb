"""Where alerts go is checked, and what is secret is repeated nowhere."""

from typing import Any

import pytest

from pool.domain.config import SETTINGS, PoolConfig, find_problems

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "http://10.0.0.1:8080/alerts", "https://hooks.example.com/services/T0/B0/x?y=1#z",
     "HTTPS://user:password@example.com/", "http://[::1]:9000/x"],
)  # fmt: skip
def test_addresses_of_the_web_are_taken(url: str) -> None:
    assert url == PoolConfig.from_mapping({"alert_webhook": url}).alert_webhook


@pytest.mark.parametrize(
    "url",
    ["example.com", "ftp://example.com", "file:///etc/passwd", "https://", "http:///x", "https://a b", "http://a\nb"],
)
def test_others_are_not_and_the_sentence_does_not_repeat_them(url: str) -> None:
    (problem,) = find_problems({"alert_webhook": url + SECRET if url[-1] != "/" else url}, {})
    assert problem == "POOL['alert_webhook'] must be an address that begins with https:// or http://."


@pytest.mark.parametrize("header", ["Authorization: Bearer abc", "X-Secret: abc", "X:y"])
def test_a_header_is_one(header: str) -> None:
    assert [] == find_problems({"alert_webhook_header": header}, {})


@pytest.mark.parametrize("header", ["s3cr3t", "X: s3cr3t\r\nY: z", ": s3cr3t", "X y: s3cr3t", "X:"])
def test_anything_else_is_told_without_it(header: str) -> None:
    (problem,) = find_problems({"alert_webhook_header": header}, {})
    assert SECRET not in problem


def test_mail_addresses_have_an_at() -> None:
    assert [] == find_problems({"alert_mail": ["ops@example.com", "Ada@localhost"]}, {})
    assert "not 'nobody'" in find_problems({"alert_mail": ["ops@example.com", "nobody"]}, {})[0]
    assert ("a@b.c", "d@e.f") == PoolConfig.from_mapping({}, {"POOL_ALERT_MAIL": "a@b.c, d@e.f"}).alert_mail


@pytest.mark.parametrize("value", [3, True, None, ["s3cr3t"], b"s3cr3t", "s3cr3t\0"])
@pytest.mark.parametrize("name", [name for name, item in SETTINGS.items() if item.metadata["secret"]])
def test_a_secret_of_the_wrong_kind_is_not_repeated_either(name: str, value: Any) -> None:
    (problem,) = find_problems({name: value}, {})
    assert problem == f"POOL['{name}'] must be text, not what was given."


def test_a_configuration_does_not_show_its_secrets() -> None:
    given = {"alert_webhook": f"https://example.com/{SECRET}", "alert_webhook_header": f"X: {SECRET}"}
    assert SECRET not in repr(PoolConfig.from_mapping(given))
    assert set(given) == {name for name, one in SETTINGS.items() if one.metadata["secret"]}
