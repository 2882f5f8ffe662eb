"""The feed: one for each web process, on the event loop of its server. It looks, and tells all who watch.

The first viewer starts it and the last one stops it, so that a pool nobody watches costs nothing. It reads the database
once for all viewers, in threads of its own (`dashboard.sockets.reader`), makes one text of what is new, and rings the
topic's Channels group; each viewer then takes the text as soon as it may. All viewers of a feed are in its process and
other processes have feeds of their own, so the layer is one in memory, whatever the project's is: a broker between the
two could only fail.

Three things go on side by side, and none waits for another: reading, asking anew for everybody's rights, and closing
those who have fallen silent. The last needs no database.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from channels.layers import InMemoryChannelLayer

from dashboard.sockets import rights
from dashboard.sockets.aside import Aside
from dashboard.sockets.messages import Close
from dashboard.sockets.reader import Found, Reader, Wants
from dashboard.sockets.topics import JobTopic, Key, PoolTopic, Topic
from dashboard.sockets.viewer import Viewer
from pool.logs import get_logger
from pool.store.watched import JobNews

POLL_S = 0.1
RETRY_S = 1.0
"""After a look that failed."""
RIGHTS_EVERY_S = 4.0
"""With what the question takes, nobody is told anything five seconds after a right has ended."""
SILENT_S = 13.0
"""A message not acknowledged for so long closes the socket; with the server's own delays it is gone after 15 s."""
SWEEP_S = 0.5
FOREVER_S = 10 * 365 * 86400

NEWS = {"type": "feed.news"}
BEAT = {"type": "feed.beat"}

log = get_logger(__name__)


@dataclass(slots=True)
class Step:
    failed: bool = False


class Feed:
    def __init__(self) -> None:
        # By default it would forget members after a day, or when the host has slept for a minute.
        self.layer = InMemoryChannelLayer(expiry=FOREVER_S, group_expiry=FOREVER_S)
        self.viewers: set[Viewer] = set()
        self._pool: PoolTopic | None = None
        self._jobs: dict[Any, JobTopic] = {}
        self._asides: list[Aside] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._failing: set[str] = set()

    async def join(self, viewer: Viewer, since: int = 0) -> None:
        """Tell this viewer from now on what there is of its topic: at once what came after `since`, or the newest."""
        topic = viewer.topic = self._topic(viewer.key)
        topic.seek(viewer.place, since, None)
        topic.viewers.add(viewer)
        self.viewers.add(viewer)
        if not self._tasks:
            self._start()
        await self.layer.group_add(topic.group, viewer.channel)
        await viewer.push()

    async def leave(self, viewer: Viewer) -> None:
        topic, viewer.topic = viewer.topic, None
        self.viewers.discard(viewer)
        if topic is None:
            return
        topic.viewers.discard(viewer)
        if not topic.viewers:
            self._drop(viewer.key, topic)
        if not self.viewers:
            self._stop()
        await self.layer.group_discard(topic.group, viewer.channel)

    # Topics ------------------------------------------------------------------------

    def _topic(self, key: Key) -> Topic:
        if key is not None:
            return self._jobs.setdefault(key, JobTopic(f"job.{key.hex}"))
        if self._pool is None:
            self._pool = PoolTopic("pool")
        return self._pool

    def _drop(self, key: Key, topic: Topic) -> None:
        if topic is self._pool:
            self._pool = None
        elif self._jobs.get(key) is topic:
            del self._jobs[key]

    def _wants(self) -> Wants:
        return Wants(
            pool=self._pool is not None,
            pool_is_fresh=self._pool is not None and self._pool.is_empty,
            jobs=frozenset(self._jobs),
            fresh=frozenset(job for job, topic in self._jobs.items() if topic.is_empty),
        )

    # Running -----------------------------------------------------------------------

    def _start(self) -> None:
        reading, asking = Aside("feed-reading"), Aside("feed-rights")
        self._asides = [reading, asking]
        steps = (self._reading(reading), self._confirming(asking), self._sweeping())
        self._tasks = [asyncio.create_task(step) for step in steps]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for aside in self._asides:
            aside.end()
        self._tasks, self._asides = [], []

    async def _reading(self, aside: Aside) -> None:
        reader = Reader()
        while True:
            async with self._going_on("reading") as step:
                await self._publish(await aside.ask(reader.look, self._wants(), time.monotonic()))
            if step.failed:
                # What it had read of some jobs may be lost: it tells everything again.
                reader = Reader()
            await asyncio.sleep(POLL_S)

    async def _confirming(self, aside: Aside) -> None:
        while True:
            await asyncio.sleep(RIGHTS_EVERY_S)
            async with self._going_on("asking for rights"):
                await self._confirm(aside)

    async def _sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for viewer in self.viewers:
                if viewer.credit.silent_s(now) > SILENT_S:
                    self._close(viewer, Close.SILENT)

    async def _publish(self, found: Found) -> None:
        told: list[Topic] = []
        if found.status is not None and self._pool is not None:
            self._pool.add(found.status)
            told.append(self._pool)
        told += [topic for news in found.jobs if (topic := self._take(news)) is not None]
        for topic in told:
            await self.layer.group_send(topic.group, NEWS)
        now = time.monotonic()
        for quiet in [topic for topic in self._jobs.values() if topic.needs_beat(now)]:
            await self.layer.group_send(quiet.group, BEAT)

    def _take(self, news: JobNews) -> Topic | None:
        topic = self._jobs.get(news.id)
        if topic is None:
            return None
        if news.job is None:
            for viewer in topic.viewers:
                self._close(viewer, Close.NO_SUCH_JOB)
            return None
        topic.add(news)
        return topic

    async def _confirm(self, aside: Aside) -> None:
        """Ask once for everybody's rights."""
        asked, asked_at = list(self.viewers), time.monotonic()
        ended = await aside.ask(rights.ended, {viewer.ticket for viewer in asked})
        for viewer in asked:
            if (code := ended.get(viewer.ticket)) is not None:
                self._close(viewer, code)
                continue
            viewer.confirmed_at = asked_at
        # Some may have been held back because nobody could be asked.
        for topic in {viewer.topic for viewer in self.viewers if viewer.topic is not None}:
            await self.layer.group_send(topic.group, NEWS)

    @asynccontextmanager
    async def _going_on(self, what: str) -> AsyncIterator["Step"]:
        """Let a step fail, and say so once: a feed that gave up would leave every page still."""
        step = Step()
        try:
            yield step
        except Exception as error:  # noqa: BLE001  Whatever fails, the database above all, may come back.
            step.failed = True
            if what not in self._failing:
                self._failing.add(what)
                log.warning("feed.failed", step=what, problem=f"{type(error).__name__}: {error}")
            await asyncio.sleep(RETRY_S)
        else:
            if what in self._failing:
                self._failing.remove(what)
                log.info("feed.recovered", step=what)

    def _close(self, viewer: Viewer, code: Close) -> None:
        """Close a socket without waiting for it: a server may take its time with a reader that does not read."""
        if viewer.is_closed:
            return
        task = asyncio.create_task(viewer.close(code))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


_feeds: dict[asyncio.AbstractEventLoop, Feed] = {}


def current_feed() -> Feed:
    """The feed of this process; of this event loop, to be exact, and a web process has one."""
    loop = asyncio.get_running_loop()
    feed = _feeds.get(loop)
    if feed is None:
        _feeds.clear()
        feed = _feeds[loop] = Feed()
    return feed
