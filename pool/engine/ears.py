"""Waits on every socket and descriptor of the node at once, and calls whoever belongs to it."""

import selectors
from collections.abc import Callable

from pool.engine.clock import Clock, Now

Heard = Callable[[Now], None]


class Ears:
    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._selector = selectors.DefaultSelector()
        self._known = self._selector.get_map()

    def watch(self, descriptor: int, heard: Heard) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, heard)

    def watches(self, descriptor: int) -> bool:
        return descriptor >= 0 and descriptor in self._known

    def expect_room(self, descriptor: int, is_full: bool) -> None:
        """While a socket is full, also wake when it takes more."""
        if self.watches(descriptor):
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_full else 0)
            self._selector.modify(descriptor, events, self._known[descriptor].data)

    def forget(self, descriptor: int) -> None:
        if self.watches(descriptor):
            self._selector.unregister(descriptor)

    def listen(self, rest_s: float) -> None:
        """Wait up to this long for the next thing to happen, and take in everything that did."""
        events = self._selector.select(rest_s)
        moment = self._clock.now()
        for key, mask in events:
            # An earlier event of this round may have ended what this one is about.
            if mask & selectors.EVENT_READ and self._known.get(key.fileobj) is key:
                key.data(moment)

    def close(self) -> None:
        self._selector.close()
