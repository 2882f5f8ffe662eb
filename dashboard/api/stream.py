"""A job's events as they happen (server-sent events). A plain async view: REST framework's would hold a thread each.

The server takes whatever we send, however slowly the reader reads. So a stream ends after half a minute or a number of
bytes, and the listener comes back with the last id it heard, as browsers do by themselves; what waits for a reader who
does not read stays small. One thread reads the database for all streams of a process, and is there while they are.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from dashboard import access
from dashboard.api.story import Place, Story
from dashboard.browser import NOTHING, send_policy
from dashboard.policy import Action
from dashboard.problems import problem, refused
from dashboard.sockets import rights
from dashboard.sockets.aside import Aside
from pool.domain.errors import JobNotFound
from pool.store.read import get_job
from pool.store.watched import JobNews, Watch

POLL_S = 0.5
LASTS_S = 25.0
MOST_BYTES = 1 << 20
RIGHTS_EVERY_S = 4.0
SIGN_EVERY_S = 10.0
"""Something is sent at least so often, or a proxy takes the silence for an end."""
MOST_STREAMS = 100
FULL_S = 5
COME_BACK_MS = 1000

CONTENT_TYPE = "text/event-stream; charset=utf-8"


@csrf_exempt
@login_not_required
@transaction.non_atomic_requests
async def events(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Tell a listener what happens to a job, from where it stopped listening."""
    answer = await _answer(request, job_id)
    answer["Cache-Control"] = "no-store"
    return send_policy(answer, NOTHING)


async def _answer(request: HttpRequest, job_id: str) -> HttpResponseBase:
    if request.method != "GET":
        refusal = problem(405, "This address does not take this method: the header Allow names those it takes.")
        refusal["Allow"] = "GET"
        return refusal
    admitted = await sync_to_async(_admit)(request, job_id)
    if isinstance(admitted, HttpResponse):
        return admitted
    place = Place.read(request.headers.get("Last-Event-ID") or str(Place()))
    if place is None:
        return problem(400, "Last-Event-ID is not the id of an event of ours.", field="Last-Event-ID")
    if place.ended:
        # To a browser this says that it need not come back.
        return HttpResponse(status=204)
    if _reading.streams >= MOST_STREAMS:
        return problem(503, "Too many listen to jobs now. Try again.", retry_after_s=FULL_S)
    answer = StreamingHttpResponse(_told(request, admitted, Story(place)), content_type=CONTENT_TYPE)
    answer["X-Accel-Buffering"] = "no"
    return answer


def _admit(request: HttpRequest, job_id: str) -> UUID | HttpResponse:
    """The job, or why not."""
    try:
        decision = access.decide(request, Action.READ)
        return refused(decision) if isinstance(decision, access.Refusal) else get_job(job_id).pk
    except JobNotFound as error:
        return problem(404, str(error))
    finally:
        _let_go()


def _let_go() -> None:
    """The request lasts, and has no further use for its connection."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


async def _told(request: HttpRequest, job: UUID, story: Story) -> AsyncIterator[str]:
    listener = Listener(request, job, story, time.monotonic())
    with _reading.joined() as aside:
        yield f"retry: {COME_BACK_MS}\n\n"
        while not listener.is_over(time.monotonic()):
            try:
                text = await aside.ask(listener.look, time.monotonic())
            except Error:
                # The database cannot be reached: the listener comes back and is told.
                return
            if text:
                yield text
            if not story.is_over:
                await asyncio.sleep(POLL_S)


class Listener:
    """One stream, as the reading thread sees it."""

    def __init__(self, request: HttpRequest, job: UUID, story: Story, now: float) -> None:
        self.request, self.job, self.story = request, job, story
        self.watch = Watch()
        self.ends_at, self.asked_at, self.told_at = now + LASTS_S, now, now
        self.bytes_sent = 0
        self.is_refused = False

    def is_over(self, now: float) -> bool:
        return self.story.is_over or self.is_refused or now >= self.ends_at or self.bytes_sent >= MOST_BYTES

    def look(self, now: float) -> str:
        """Look at the job once; the text to send, which may be empty."""
        if now - self.asked_at >= RIGHTS_EVERY_S and not self._may_still(now):
            return ""
        news: list[JobNews] = self.watch.look({self.job}, now)
        text = "".join(event for one in news for event in self.story.tell(one))
        if not text and now - self.told_at >= SIGN_EVERY_S:
            text = ": still here\n\n"
        if text:
            self.told_at = now
            self.bytes_sent += len(text.encode())
        return text

    def _may_still(self, now: float) -> bool:
        """People log out and lose rights while they listen: everything is asked anew."""
        self.asked_at = now
        self.is_refused = isinstance(_decide_anew(self.request), access.Refusal)
        return not self.is_refused


def _decide_anew(request: HttpRequest) -> access.Grant | access.Refusal:
    caller = access.identify(request)
    if isinstance(caller, access.Refusal) or caller.token is not None:
        return caller if isinstance(caller, access.Refusal) else access.decide(caller, Action.READ)
    # The request remembers its user, who may have logged out since.
    return rights.judge(request, Action.READ)


@dataclass(slots=True)
class Reading:
    """The thread that reads for all streams of this process, and how many there are."""

    aside: Aside | None = None
    streams: int = 0

    @contextmanager
    def joined(self) -> Iterator[Aside]:
        aside = self.aside = self.aside or Aside("job-streams")
        self.streams += 1
        try:
            yield aside
        finally:
            self.streams -= 1
            if not self.streams:
                self.aside = None
                aside.end()


_reading = Reading()
