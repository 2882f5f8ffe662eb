"""The ways on which alerts leave: a webhook to a real server, mail by Django's own."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pool.domain.alerting import Open, Told
from pool.domain.config import PoolConfig
from pool.engine.channels import Mail, Undelivered, Webhook, channels
from tests.engine.mailing import LOCMEM, SMTP, send_by
from tests.engine.receivers import Receiver, receiver

NOW = 1_800_000_000.0
ALERT = Open(7, "full_queue", "mail", "warning", "Queue 'mail' takes no more jobs.", opened_at=NOW)
SECRET = "s3cr3t-of-ours"


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def tell(channel: Any, *letters: tuple[Told, Open]) -> list[tuple[Told, Open]]:
    return channel.tell(letters or [(Told.OPENED, ALERT)], "host", NOW + 60)  # type: ignore[no-any-return]


def test_a_webhook_gets_each_alert_as_json(hook: Receiver) -> None:
    over = (Told.RESOLVED, ALERT)
    assert 2 == len(tell(Webhook(hook.url), (Told.OPENED, ALERT), over))
    opened, resolved = hook.got
    assert opened == {
        "type": "alert",
        "state": "opened",
        "id": 7,
        "name": "full_queue",
        "subject": "mail",
        "level": "warning",
        "message": "Queue 'mail' takes no more jobs.",
        "text": "[host] Warning, Queue 'mail' takes no more jobs.",
        "pool": "host",
        "opened_at": "2027-01-15T08:00:00+00:00",
        "resolved_at": None,
    }
    assert ("resolved", "2027-01-15T08:01:00+00:00") == (resolved["state"], resolved["resolved_at"])
    assert "[host] Warning, over: Queue" in resolved["text"]
    assert "application/json" == hook.headers[0]["Content-Type"]


def test_its_header_is_sent(hook: Receiver) -> None:
    tell(Webhook(hook.url, f"Authorization: Bearer {SECRET}"))
    assert f"Bearer {SECRET}" == hook.headers[0]["Authorization"]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 500, 503])
def test_an_answer_that_is_no_success_is_a_failure_and_a_redirect_is_not_followed(hook: Receiver, status: int) -> None:
    hook.answers = [status]
    with pytest.raises(Undelivered, match=f"It answered with {status}"):
        tell(Webhook(hook.url, f"X-Secret: {SECRET}"))
    assert [] == hook.got


def test_what_was_told_before_it_failed_is_known(hook: Receiver) -> None:
    hook.answers = [200, 500]
    letters = [(Told.OPENED, ALERT), (Told.LASTS, ALERT)]
    hook.answers = [200, 500]
    assert letters[:1] == tell(Webhook(hook.url), *letters)


def test_a_receiver_that_does_not_answer_is_not_waited_for(hook: Receiver) -> None:
    hook.silent.set()
    with pytest.raises(Undelivered, match="did not answer in time"):
        tell(Webhook(hook.url, limit_s=0.1))


def a_closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/{secret}",
        "http://127.0.0.1:{port}/ {secret}",
        "http://nowhere.invalid/{secret}",
        "file:///etc/{secret}",
        "ftp://127.0.0.1:{port}/{secret}",
        "http://[{secret}",
    ],
)
def test_no_failure_says_where_to(url: str) -> None:
    hook = Webhook(url.format(port=a_closed_port(), secret=SECRET), f"X-Secret: {SECRET}", limit_s=0.5)
    with pytest.raises(Undelivered) as told:
        tell(hook)
    assert SECRET not in str(told.value)
    assert SECRET not in repr(told.value.__context__ or "") or told.value.__suppress_context__


def test_mail_tells_of_several_in_one_letter(settings: Any) -> None:
    outbox = send_by(settings, LOCMEM)
    tell(Mail(["ops@example.com", "ada@example.com"]), (Told.OPENED, ALERT), (Told.RESOLVED, ALERT))
    (letter,) = outbox
    assert ["ops@example.com", "ada@example.com"] == letter.to
    assert "[host] Warning, Queue 'mail' takes no more jobs. (and 1 more)" == letter.subject
    assert "over: Queue 'mail' takes no more jobs." in letter.body
    assert "since 2027-01-15T08:00:00+00:00" in letter.body


def test_a_message_of_several_lines_makes_a_subject_of_one(settings: Any) -> None:
    outbox = send_by(settings, LOCMEM)
    odd = Open(1, "node_problem", "", "critical", "One\nBcc: two\r\nthree " + "x" * 300, opened_at=NOW)
    tell(Mail(["ops@example.com"]), (Told.OPENED, odd))
    assert outbox[0].subject.startswith("[host] Critical, One Bcc: two three x")
    assert len(outbox[0].subject) <= 120


def test_mail_that_fails_says_why(settings: Any) -> None:
    send_by(settings, SMTP, host="127.0.0.1", port=a_closed_port())
    with pytest.raises(Undelivered, match="refused"):
        tell(Mail(["ops@example.com"]))


def test_the_settings_say_which_ways_there_are() -> None:
    assert [] == channels(PoolConfig())
    config = PoolConfig.from_mapping({"alert_webhook": "https://example.com/x", "alert_mail": ["a@example.com"]})
    assert ["webhook", "mail"] == [channel.name for channel in channels(config)]
