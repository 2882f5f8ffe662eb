"""Why a job does not run yet: facts in, an ordered list of what stands in its way out, and when it may start. Pure.

Each rule looks at its part of the facts and is silent when that was not looked at, so a caller with few facts gets the
same sentences, only fewer. What holds the job just now comes first, then what would hold it after that.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from pool.domain.blockers import STOPPING, Blocker, Code, Explanation
from pool.domain.estimating import MOST_AHEAD, Estimate, Sure, estimate
from pool.domain.kinds import missing
from pool.domain.states import TERMINAL, WAITING, JobStatus
from pool.domain.waiting import Facts, KeyFacts, ParentFacts
from pool.domain.wording import number

AT_ONCE: Final = "It is next: it starts as soon as a worker takes it."


def explain(facts: Facts) -> Explanation:
    """Say what stands between a job and its start."""
    found = [blocker for rule in RULES for blocker in rule(facts)]
    line = facts.line
    return Explanation(
        summary=_summary(facts.job.status, found),
        blockers=found,
        estimate=_start(facts, found),
        before=None if line is None else line.before,
        more_before=line is not None and line.before is None,
        parents=facts.parents,
    )


def _summary(status: JobStatus, found: Sequence[Blocker]) -> str:
    if status in TERMINAL:
        return f"It has ended: it is {status}."
    first = next((one for one in found if one.blocks or status is JobStatus.RUNNING), None)
    return AT_ONCE if first is None else first.sentence


def _start(facts: Facts, found: Sequence[Blocker]) -> Estimate | None:
    if any(one.blocks and one.code in STOPPING for one in found):
        return None
    if facts.job.status is JobStatus.SCHEDULED:
        seconds = max((facts.job.run_at - facts.now).total_seconds(), 0.0)
        return Estimate(facts.now + timedelta(seconds=seconds), seconds, at_least=True)
    return _turn(facts) if facts.job.status is JobStatus.PENDING else None


def _turn(facts: Facts) -> Estimate | None:
    """When its place in the queue lets it start."""
    line, queue, pool = facts.line, facts.queue, facts.pool
    if line is None:
        return None
    opens = [part.opens_at for part in (queue, facts.key) if part is not None and part.opens_at is not None]
    opens_at, limit = max(opens, default=None), None if queue is None else queue.rate
    if line.before == 0 and line.rate is None and pool is not None and pool.idle:
        # Nothing was measured, and nothing needs to be: a worker has nothing to do.
        at = max(opens_at or facts.now, facts.now)
        return Estimate(at, (at - facts.now).total_seconds(), sure=Sure.MEDIUM)
    return estimate(facts.now, line.before, line.rate, limit=limit, opens_at=opens_at)


# What holds it by itself --------------------------------------------------------


def _expired(facts: Facts) -> Iterator[Blocker]:
    job = facts.job
    if job.status in WAITING and job.expires_at is not None and job.expires_at <= facts.now:
        text = "It has expired: the node that takes it next ends it without a start."
        yield Blocker(Code.EXPIRED, text, since=job.expires_at)


def _time(facts: Facts) -> Iterator[Blocker]:
    job = facts.job
    is_scheduled = job.status is JobStatus.SCHEDULED
    if job.is_unknown and (is_scheduled or job.status is JobStatus.PENDING):
        text = (
            f"No worker knows the task {job.task!r}, as the node that took the job last found. It is looked at again."
        )
        yield Blocker(Code.UNKNOWN_TASK, text, job.task, until=job.run_at if is_scheduled else None)
    elif is_scheduled and job.run_at <= facts.now:
        yield Blocker(Code.SCHEDULED, "Its time has come: a node lets it go on with its next turn.", since=job.run_at)
    elif is_scheduled and job.has_failed:
        text = f"Attempt {job.attempts} failed. The next one starts after a pause."
        yield Blocker(Code.RETRY, text, until=job.run_at)
    elif is_scheduled:
        yield Blocker(Code.SCHEDULED, "It waits for its time.", until=job.run_at)


def _parents(facts: Facts) -> Iterator[Blocker]:
    job, parents = facts.job, facts.parents
    if job.status is not JobStatus.BLOCKED or (job.waits_for <= 0 and (job.limit_key or job.lacks)):
        return
    if parents is None:
        yield Blocker(Code.PARENTS, "It waits for other jobs to end.")
    elif parents.unmet and not parents.are_more and all(one.status in TERMINAL for one in parents.unmet):
        text = "All that it waits for has ended: a node lets it go on with its next turn."
        yield Blocker(Code.PARENTS, text)
    else:
        subject = parents.unmet[0].id if len(parents.unmet) == 1 else ""
        text = f"{number(parents.done)} of {number(parents.total)} jobs and batches that it waits for are done."
        yield Blocker(Code.PARENTS, text if parents.total > 1 else _one_parent(parents), subject)


def _one_parent(parents: ParentFacts) -> str:
    if not parents.unmet or not parents.unmet[0].is_batch:
        return "It waits for another job to end."
    batch = parents.unmet[0]
    far = "" if batch.total is None else f": {number(batch.done)} of {number(batch.total)} jobs have"
    return f"It waits for all jobs of a batch to end{far}."


# What holds it because of what it asks for --------------------------------------


def _key(facts: Facts) -> Iterator[Blocker]:
    job, key = facts.job, facts.key
    if not job.limit_key or job.status not in WAITING:
        return
    is_held = job.status is JobStatus.BLOCKED and job.waits_for <= 0 and not job.lacks
    if is_held and key is None:
        yield Blocker(
            Code.KEY_RUNNING, f"It waits until fewer jobs with the key {job.limit_key!r} execute.", job.limit_key
        )
    if key is None:
        return
    if job.limit_running is not None and (is_held or key.executing >= job.limit_running):
        yield Blocker(Code.KEY_RUNNING, _key_is_full(job.limit_key, job.limit_running, key), job.limit_key)
    if job.limit_rate is not None and key.opens_at is not None:
        text = f"At most {job.limit_rate:g} jobs with the key {job.limit_key!r} start in a second."
        yield Blocker(Code.KEY_RATE, text, job.limit_key, until=key.opens_at)


def _key_is_full(name: str, most: int, key: KeyFacts) -> str:
    waiting = f"more than {number(MOST_AHEAD)}" if key.before is None else number(key.before)
    before = "" if key.before == 0 else f", and {waiting} wait before it"
    return f"{number(key.executing)} of at most {number(most)} jobs with the key {name!r} execute{before}."


def _capability(facts: Facts) -> Iterator[Blocker]:
    job, pool = facts.job, facts.pool
    if not job.requires or job.status not in WAITING:
        return
    subject, offers = ", ".join(job.requires), None if pool is None or not pool.nodes else pool.offers
    lacking = "" if offers is None else missing(job.requires, offers)
    if lacking:
        yield Blocker(Code.NOT_CAPABLE, lacking, subject)
    elif job.lacks:
        text = f"It waits until a worker that offers {' and '.join(job.requires)} has room."
        yield Blocker(Code.CAPABLE_BUSY, text, subject)


# What holds its queue or everything ---------------------------------------------


def _queue(facts: Facts) -> Iterator[Blocker]:
    name, queue = facts.job.queue, facts.queue
    if queue is None or facts.job.status not in WAITING:
        return
    if queue.paused:
        text = f"Queue {name!r} is paused. Resume it with: manage.py pool resume {name}"
        yield Blocker(Code.QUEUE_PAUSED, text, name, since=queue.paused_at)
    if queue.only and name not in queue.only:
        text = f"The nodes of this project serve other queues only: {', '.join(queue.only)}."
        yield Blocker(Code.QUEUE_NOT_SERVED, text, name)


def _pool(facts: Facts) -> Iterator[Blocker]:
    pool = facts.pool
    if pool is None or facts.job.status not in WAITING:
        return
    if not pool.nodes:
        yield Blocker(Code.NO_NODE, "No node is running, so nothing can start. Start one with: manage.py pool start")
        return
    if pool.draining >= pool.nodes:
        yield Blocker(Code.DRAINING, "The pool finishes its jobs and takes no new ones.")
    for host, problem in pool.problems:
        # Another node may be well.
        yield Blocker(
            Code.NODE_PROBLEM,
            f"The node on {host} cannot work: {problem}",
            host,
            blocks=len(pool.problems) >= pool.nodes,
        )
    if pool.workers == 0:
        yield Blocker(Code.NO_WORKER, "No worker lives, so nothing can start until one is ready.")


def _limits(facts: Facts) -> Iterator[Blocker]:
    name, queue = facts.job.queue, facts.queue
    if queue is None or facts.job.status is not JobStatus.PENDING:
        return
    if queue.max_running is not None and queue.executing >= queue.max_running:
        text = f"{number(queue.executing)} of at most {number(queue.max_running)} jobs of queue {name!r} execute."
        yield Blocker(Code.QUEUE_RUNNING, text, name)
    if queue.rate is not None and queue.opens_at is not None:
        text = f"At most {queue.rate:g} jobs of queue {name!r} start in a second."
        yield Blocker(Code.QUEUE_RATE, text, name, until=queue.opens_at)


def _line(facts: Facts) -> Iterator[Blocker]:
    job, line = facts.job, facts.line
    if line is None or line.before == 0 or job.status is not JobStatus.PENDING:
        return
    before = f"More than {number(MOST_AHEAD)} jobs" if line.before is None else f"{number(line.before)} jobs"
    yield Blocker(
        Code.PLACE, "1 job of its queue comes first." if line.before == 1 else f"{before} of its queue come first."
    )
    if job.tenant and line.own != 0:
        own = f"more than {number(MOST_AHEAD)}" if line.own is None else number(line.own)
        share = "" if line.weight == 1 else f", whose weight is {line.weight:g}"
        of_own = "1 of those jobs is" if line.own == 1 else f"{own} of those jobs are"
        text = f"Tenants take turns, and {of_own} of its own tenant {job.tenant!r}{share}."
        yield Blocker(Code.TENANT_TURN, text, job.tenant)


def _busy(facts: Facts) -> Iterator[Blocker]:
    pool = facts.pool
    if pool is None or facts.job.status is not JobStatus.PENDING or not pool.workers or pool.busy < pool.workers:
        return
    text = "The only worker is busy." if pool.workers == 1 else f"All {number(pool.workers)} workers are busy."
    yield Blocker(Code.WORKERS_BUSY, text)


# What is good to know -----------------------------------------------------------


def _held(facts: Facts) -> Iterator[Blocker]:
    if facts.job.status is not JobStatus.ASSIGNED:
        return
    holder = facts.holder
    if holder is not None and holder.silent_since is not None:
        text = (
            f"The node that holds it, on {holder.host or 'a host that is gone'}, is silent. Another one takes it back."
        )
        yield Blocker(Code.HOLDER_SILENT, text, holder.host, since=holder.silent_since, until=holder.given_up_at)
        return
    text = "A node holds it. It starts as soon as its worker has finished what it has in hand."
    yield Blocker(Code.HELD, text, holder.host if holder is not None else "")


def _running(facts: Facts) -> Iterator[Blocker]:
    job = facts.job
    if job.cancel_requested_at is not None and job.status in (JobStatus.ASSIGNED, JobStatus.RUNNING):
        yield Blocker(Code.CANCELLING, "Somebody asked to cancel it.", since=job.cancel_requested_at)
    if job.status is JobStatus.RUNNING:
        until = job.started_at + timedelta(seconds=job.timeout) if job.started_at and job.timeout else None
        text = f"It runs already, on worker {job.worker}." if job.worker else "It runs already."
        yield Blocker(Code.RUNNING, text, job.worker, job.started_at, until, blocks=False)


def _backpressure(facts: Facts) -> Iterator[Blocker]:
    name, queue = facts.job.queue, facts.queue
    if queue is None or facts.job.status not in WAITING or not queue.max_waiting:
        return
    if queue.waiting >= queue.max_waiting * queue.tight_at:
        text = (
            f"{number(queue.waiting)} of at most {number(queue.max_waiting)} jobs wait in queue {name!r}: who submits "
        )
        text += "more is refused." if queue.waiting >= queue.max_waiting else "more is slowed down."
        yield Blocker(Code.BACKPRESSURE, text, name, blocks=False)


def _expires(facts: Facts) -> Iterator[Blocker]:
    job = facts.job
    if job.status in WAITING and job.expires_at is not None and job.expires_at > facts.now:
        text = "It expires: if it has not started by then, it never does."
        yield Blocker(Code.EXPIRES, text, until=job.expires_at, blocks=False)


Rule = Callable[[Facts], Iterator[Blocker]]

RULES: Final[Sequence[Rule]] = (
    _expired,
    _running,
    _time,
    _parents,
    _key,
    _queue,
    _capability,
    _held,
    _pool,
    _limits,
    _line,
    _busy,
    _backpressure,
    _expires,
)
