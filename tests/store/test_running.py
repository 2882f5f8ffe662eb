"""While a job runs: that it began, how far it is, what it says. Never for another claim, and whatever it says."""

import pytest

from pool.domain.states import JobStatus
from pool.models import Job, JobLog
from pool.store.running import Begun, Progressed, Said, write_begun, write_log, write_progress
from tests.store.rows import NOW, WORKER, assert_counted, held, moment, put, row

S = JobStatus
ANY_TEXT = {
    "a\x00b": "a\ufffdb",
    "half \ud800 done": "half \ufffd done",
    **{text: text for text in ("☃\U0001f600", "\\u0000", "'; DROP TABLE pool_job; --")},
}


@pytest.fixture
def assigned(alias):
    return put(alias, S.ASSIGNED)


@pytest.fixture
def job(assigned, database):
    return held(database)


def said(alias, id):
    return list(JobLog.objects.using(alias).filter(job_id=id).order_by("id").values_list("stream", "text"))


class TestBegun:
    def begin(self, database, job, epoch=1):
        with database.transaction():
            write_begun(database, [Begun(job.id, epoch, WORKER, NOW + 5.25)])

    def test_assigned_job_is_running(self, alias, database, assigned, job):
        before = row(alias, assigned)
        self.begin(database, job)
        changed = {"status": "RUNNING", "worker": WORKER, "started_at": moment(NOW + 5.25)}
        assert row(alias, assigned) == before | changed
        assert_counted(alias)

    @pytest.mark.parametrize("epoch", [0, 2])
    def test_of_another_claim_changes_nothing(self, alias, database, assigned, job, epoch):
        before = row(alias, assigned)
        self.begin(database, job, epoch)
        assert row(alias, assigned) == before

    @pytest.mark.parametrize("status", sorted(set(S) - {S.ASSIGNED}))
    def test_any_other_job_stays_as_it_is(self, alias, database, status, assigned, job):
        other = put(alias, status, epoch=1, started_at=moment(NOW - 1), worker="somebody else")
        job.id = other.hex
        before = row(alias, other)
        self.begin(database, job)
        assert row(alias, other) == before

    def test_job_that_is_gone_is_passed_over(self, alias, database, assigned, job):
        Job.objects.using(alias).all().delete()
        self.begin(database, job)


class TestProgress:
    def tell(self, database, job, fraction=0.5, message="half", epoch=1):
        with database.transaction():
            write_progress(database, [Progressed(job.id, epoch, fraction, message)])

    @pytest.fixture
    def running(self, alias, database, assigned, job):
        with database.transaction():
            write_begun(database, [Begun(job.id, 1, WORKER, NOW)])
        return assigned

    def test_of_a_running_job_is_there_for_all(self, alias, database, running, job):
        before = row(alias, running)
        self.tell(database, job)
        assert row(alias, running) == before | {"progress": 0.5, "progress_message": "half"}

    def test_may_be_unknown(self, alias, database, running, job):
        self.tell(database, job, None, "")
        assert (row(alias, running)["progress"], row(alias, running)["progress_message"]) == (None, "")

    def test_message_is_cut_to_its_column(self, alias, database, running, job):
        self.tell(database, job, message="☃" * 300)
        assert row(alias, running)["progress_message"] == "☃" * 200

    @pytest.mark.parametrize(("text", "stored"), ANY_TEXT.items())
    def test_message_may_be_any_text(self, alias, database, running, job, text, stored):
        self.tell(database, job, message=text)
        assert row(alias, running)["progress_message"] == stored

    @pytest.mark.parametrize("epoch", [0, 2])
    def test_of_another_claim_changes_nothing(self, alias, database, running, job, epoch):
        before = row(alias, running)
        self.tell(database, job, epoch=epoch)
        assert row(alias, running) == before

    def test_of_a_job_that_is_not_running_changes_nothing(self, alias, database, assigned, job):
        before = row(alias, assigned)
        self.tell(database, job)
        assert row(alias, assigned) == before


class TestLog:
    def write(self, database, job, *texts):
        with database.transaction():
            write_log(database, [Said(job.id, 1, NOW + n, "stdout", text) for n, text in enumerate(texts)])

    def test_keeps_what_was_said_in_its_order(self, alias, database, assigned, job):
        self.write(database, job, "one\n", "two\n")
        self.write(database, job, "three\n")
        assert [("stdout", text) for text in ("one\n", "two\n", "three\n")] == said(alias, assigned)
        first = JobLog.objects.using(alias).order_by("id").first()
        assert (first.epoch, first.at) == (1, moment(NOW))

    @pytest.mark.parametrize(("text", "stored"), ANY_TEXT.items())
    def test_may_be_any_text(self, alias, database, assigned, job, text, stored):
        self.write(database, job, "before", text, "after")
        assert ["before", stored, "after"] == [found for _, found in said(alias, assigned)]

    def test_of_a_job_that_is_gone_goes_too(self, alias, database, assigned, job):
        Job.objects.using(alias).all().delete()
        self.write(database, job, "anybody?")
        assert not JobLog.objects.using(alias).exists()
