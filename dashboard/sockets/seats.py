"""How many sockets one web process holds, and how many one user: counted from the handshake to the end."""

import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST = 1000
MOST_OF_A_USER = 10


def most_sockets() -> int:
    """Half of the descriptors stay free for requests, files and the database."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)


class Seats:
    def __init__(self, most: int, most_of_a_user: int) -> None:
        self.most, self.most_of_a_user = most, most_of_a_user
        self.taken = 0
        self._users: Counter[Any] = Counter()

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Hold a seat for whoever comes; False when there is none."""
        if self.taken >= self.most:
            yield False
            return
        self.taken += 1
        try:
            yield True
        finally:
            self.taken -= 1

    @contextmanager
    def of(self, user: Any) -> Iterator[bool]:
        """Count one for this user; False when it is one too many."""
        if self._users[user] >= self.most_of_a_user:
            yield False
            return
        self._users[user] += 1
        try:
            yield True
        finally:
            self._users[user] -= 1
            if not self._users[user]:
                del self._users[user]
