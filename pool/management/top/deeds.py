"""How an order of the view is carried out: by the store's verbs, and with what came of it in words. In the aside."""

from typing import assert_never

from django.db import DatabaseError, InterfaceError

from pool.domain.errors import JobNotFound, NotReady, PoolError
from pool.management.presence import NO_NODE
from pool.management.top.orders import CancelJob, Order, PauseQueue, ResumeQueue, Said, ScaleBy
from pool.management.top.words import clean, short_id
from pool.store.actor import Actor
from pool.store.operate import CancelAnswer, cancel, pause, resume
from pool.store.steer import scale, wanted_size

CANCELLED = {
    CancelAnswer.CANCELLED: "is cancelled.",
    CancelAnswer.REQUESTED: "is asked to end; after a few seconds its worker is ended.",
    CancelAnswer.FINISHED: "has ended already.",
}


def carry_out(order: Order, by: Actor) -> Said:
    """Do it. A refusal and a database that fails are answers."""
    try:
        return Said(clean(_done(order, by)))
    except JobNotFound:
        return Said("There is no such job any more.", is_bad=True)
    except PoolError as error:
        return Said(clean(error), is_bad=True)
    except (DatabaseError, InterfaceError) as error:
        return Said(clean(f"Not done, the database failed: {error}"), is_bad=True)


def _done(order: Order, by: Actor) -> str:
    match order:
        case CancelJob(job):
            return f"Job {short_id(job)} {CANCELLED[cancel(job, by)]}"
        case PauseQueue(queue):
            return f"Queue {queue} {'is paused; p resumes it.' if pause(queue, by) else 'was paused already.'}"
        case ResumeQueue(queue):
            return f"Queue {queue} {'is open again.' if resume(queue, by) else 'was open already.'}"
        case ScaleBy(change):
            return _scaled(change, by)
        case _:
            assert_never(order)


def _scaled(change: int, by: Actor) -> str:
    before = wanted_size()
    if not before:
        raise NotReady(NO_NODE)
    return f"{scale(before + change, by)} workers are wanted now, {before} before."
