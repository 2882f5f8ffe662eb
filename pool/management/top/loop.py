"""The loop of the live view: draw, sleep, hear. It sleeps in one place, and nothing it calls waits for the database."""

import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from pool.management.top.aside import Aside, Broken, News, Unread
from pool.management.top.figures import LATE_S, Sight
from pool.management.top.frame import frame_of, is_too_small
from pool.management.top.orders import Order, Said
from pool.management.top.picture import picture, too_small
from pool.management.top.reading import Reading
from pool.management.top.rows import Panel
from pool.management.top.screen import Screen
from pool.management.top.signals import LEAVE, SUSPEND, Signals
from pool.management.top.state import State

REDRAW_S = 1.0
"""Ages go on, also when nothing is heard."""


class Top:
    def __init__(
        self,
        screen: Screen,
        first: Reading,
        look: Callable[[], Reading],
        carry_out: Callable[[Order], Said],
        interval_s: float,
    ) -> None:
        self._screen, self._signals, self._state = screen, Signals(), State()
        self._aside = Aside(look, carry_out, self._signals.wake, interval_s)
        self._interval_s = interval_s
        self._reading, self._problem = first, ""
        self._state.see(first.status)

    def run(self) -> None:
        """Show the pool until somebody leaves."""
        with self._signals, self._screen:
            self._aside.start()
            try:
                while not self._state.is_over:
                    self._draw()
                    keys = self._screen.wait(self._signals, REDRAW_S)
                    self._hear(keys)
            finally:
                self._aside.end()

    def _hear(self, keys: list[str] | None) -> None:
        """Take everything that came while we slept."""
        now = time.monotonic()
        self._state.forget(now)
        for news in self._aside.news():
            self._take(news, now)
        for key in keys or ():
            if order := self._state.press(key, now):
                self._aside.order(order)
        noted = self._signals.take()
        if keys is None or noted.intersection(LEAVE):
            self._state.is_over = True
        elif SUSPEND in noted:
            self._suspend()

    def _take(self, news: News, now: float) -> None:
        match news:
            case Reading():
                self._reading, self._problem = news, ""
                self._state.see(news.status)
            case Unread(why):
                self._problem = why
            case Said():
                self._state.say(news, now)
            case Broken(error):
                raise error
            case _:
                assert_never(news)

    def _draw(self) -> None:
        width, height = self._screen.size
        if is_too_small(width, height):
            self._screen.draw(too_small())
            return
        sight, status = self._sight(), self._reading.status
        frame = frame_of(width, height, len(sight.alerts), status, self._state.panel)
        for panel in Panel:
            self._state.fit(panel, frame.rows(panel))
        clock = f"{datetime.now().astimezone():%H:%M:%S %Z}"
        self._screen.draw(picture(sight, self._state, frame, clock))

    def _sight(self) -> Sight:
        reading, age_s = self._reading, self._reading.age_s
        unread_s = time.monotonic() - reading.at
        return Sight(
            reading.status,
            reading.minute,
            age_s=None if age_s is None else age_s + unread_s,
            is_stale=(age_s or 0.0) > LATE_S or unread_s > self._interval_s + LATE_S,
            unread_s=unread_s,
            problem=self._problem,
        )

    def _suspend(self) -> None:
        """Give the terminal back, stop as any program does, and go on where we were."""
        self._screen.close()
        before = signal.signal(SUSPEND, signal.SIG_DFL)
        os.kill(os.getpid(), SUSPEND)
        signal.signal(SUSPEND, before)
        self._screen.open()
