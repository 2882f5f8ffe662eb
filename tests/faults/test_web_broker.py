"""The project's message broker is gone: jobs run, and pages go on, because nothing of ours goes through it."""

from collections.abc import Iterator

import pytest

from tests.acceptance.site import ROOT
from tests.dashboard.sockets import stage
from tests.dashboard.sockets.web import Web
from tests.engine.engine_site import EngineSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.faults.lost_broker", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def brokerless() -> Iterator[EngineSite]:
    with EngineSite(**SETTINGS) as site:
        yield site


def test_without_the_broker_jobs_run_and_pages_are_told(brokerless: EngineSite) -> None:
    site = brokerless
    session, web = site.do(stage.sign_in, "ada"), Web(site)
    site.start_node(workers=1)
    gate = site.path("gate")
    job = site.enqueue("waits_for", gate)
    with web.page(session) as pool, web.page(session, f"/ws/jobs/{job}/") as page:
        pool.next_where(lambda message: message["data"]["tasks"]["executing"] == 1)
        page.next_where(lambda message: message["data"]["job"]["status"] == "RUNNING")
        site.touch("gate")
        page.next_where(lambda message: message["data"]["job"]["status"] == "COMPLETED")
        pool.next_where(lambda message: message["data"]["tasks"]["completed"] == 1)
    assert "COMPLETED" == site.wait_for_job(job)["status"]
    assert "broker" not in web.process.said()
