"""The list of jobs: what the address asks for is what is shown, page by page."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import Job, Queue, Tally
from pool.store import job_list
from tests.dashboard.rows import a_job, an_error

pytestmark = pytest.mark.django_db


def listed(client: Client, query: str = "") -> list[str]:
    """The ids of the jobs on a page, in its order."""
    response = client.get(f"/dashboard/jobs/{query}")
    assert response.status_code == 200
    return re.findall(r'<tr data-id="([^"]+)"', response.content.decode())


def ids(*jobs: Job) -> list[str]:
    return [str(job.pk) for job in jobs]


def test_newest_jobs_come_first_and_pages_lead_both_ways(operator: Client) -> None:
    now = timezone.now()
    jobs = [a_job(at=now - timedelta(minutes=number)) for number in range(120)]
    seen, query, back = [], "", ""
    for _ in range(3):
        page = operator.get(f"/dashboard/jobs/{query}").content.decode()
        seen += re.findall(r'<tr data-id="([^"]+)"', page)
        older = re.search(r'href="(\?cursor=[^"]+)" rel="next"', page)
        newer = re.search(r'href="(\?cursor=[^"]+)" rel="prev"', page)
        query, back = older[1] if older else "", newer[1] if newer else back
    assert seen == ids(*jobs)
    assert query == ""
    assert listed(operator, back) == ids(*jobs[50:100])


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("?queue=mail", {"queue": "mail"}),
        ("?task=shop.tasks.other", {"task": "shop.tasks.other"}),
        ("?tenant=acme", {"tenant": "acme"}),
        ("?tag=nightly", {"tags": ["x", "nightly"]}),
        ("?search=OTHER", {"task": "shop.tasks.other"}),
        ("?status=failed", {"status": JobStatus.FAILED}),
        ("?status=CANCELLED&queue=mail", {"status": JobStatus.CANCELLED, "queue": "mail"}),
    ],
)
def test_filters_are_in_the_address(operator: Client, query: str, fields: dict[str, object]) -> None:
    wanted = a_job(**fields)  # type: ignore[arg-type]
    for status in (JobStatus.PENDING, JobStatus.COMPLETED):
        a_job(status)
    assert listed(operator, query) == ids(wanted)
    assert listed(operator, f"{query}&tenant=nobody") == []


def test_jobs_are_found_by_the_end_of_their_id_and_opened_by_the_whole(operator: Client) -> None:
    job, _ = a_job(), a_job()
    assert listed(operator, f"?search={str(job.pk)[-8:]}") == ids(job)
    for spelling in (str(job.pk), job.pk.hex.upper()):
        response = operator.get("/dashboard/jobs/", {"search": spelling})
        assert response.status_code == 302
        assert response["Location"] == f"/dashboard/jobs/{job.pk}/"


def test_jobs_are_found_by_their_time(operator: Client) -> None:
    now = timezone.now()
    old, new = a_job(at=now - timedelta(days=3)), a_job(at=now - timedelta(minutes=5))
    assert listed(operator, "?since=1h") == ids(new)
    assert listed(operator, "?since=7d") == ids(new, old)
    middle = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert listed(operator, f"?until={middle}") == ids(old)
    assert listed(operator, f"?since={middle}") == ids(new)
    assert listed(operator, f"?since={middle}:00.000Z") == ids(new)


@pytest.mark.parametrize(
    "query", ["?status=DONE", "?cursor=x", "?since=yesterday", "?until=9999999-01-01", "?queue=%00", "?search=%0a%01x"]
)
def test_wrong_questions_are_answered_in_a_sentence(operator: Client, query: str) -> None:
    response = operator.get(f"/dashboard/jobs/{query}")
    assert response.status_code == 400
    assert 'class="alert critical"' in response.content.decode()


def test_filters_stay_when_the_state_or_the_page_changes(operator: Client) -> None:
    for _ in range(60):
        a_job(queue="mail & more")
    page = operator.get("/dashboard/jobs/?queue=mail+%26+more").content.decode()
    assert "?queue=mail+%26+more&amp;status=FAILED" in page
    assert re.search(r'href="\?queue=mail\+%26\+more&amp;cursor=b[0-9a-f]{32}" rel="next"', page)


def test_long_searches_stop_and_offer_to_go_on(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "MOST_LOOKED_AT", 3)
    rare = a_job(task="rare", at=timezone.now() - timedelta(hours=1))
    for _ in range(5):
        a_job()
    page = operator.get("/dashboard/jobs/?task=rare").content.decode()
    assert "Look further back" in page
    assert re.search(r"They go back to\s+<time", page)
    onward = re.search(r'href="(\?task=rare&amp;cursor=[^"]+)">Look further back', page)
    assert onward is not None
    assert listed(operator, onward[1].replace("&amp;", "&")) == ids(rare)


def test_line_tells_how_long_a_job_waited_and_ran_and_what_it_died_of(operator: Client) -> None:
    a_job(JobStatus.FAILED, error=an_error("shop.errors.Declined"), tenant="acme", attempts=4)
    page = operator.get("/dashboard/jobs/").content.decode()
    for words in (">1 s<", ">2 s<", ">Declined: No money left<", "acme", "4 of 4"):
        assert words in page


def test_numbers_are_shown_where_they_are_kept(operator: Client) -> None:
    Queue.objects.create(name="mail")
    Tally.objects.create(queue="mail", pending=41_000, completed=7)
    page = operator.get("/dashboard/jobs/").content.decode()
    assert '<span class="count">41,000</span>' in page


def test_a_job_that_is_gone_is_told_so(operator: Client) -> None:
    response = operator.get(f"/dashboard/jobs/{new_id()}/")
    assert response.status_code == 404
    assert "There is no job" in response.content.decode()


def test_the_queues_are_read_once_for_the_page_and_its_frame(operator: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            operator.get("/dashboard/jobs/")
        return len([query for query in queries if "pool_tally" in query["sql"]])

    Tally.objects.create(queue="mail", pending=1)
    assert statements() == 1
