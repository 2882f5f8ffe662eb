"""django-q2 with the ORM broker, the one of its brokers with delivery receipts that needs no other server."""

from bench.peers.peer import WORKERS, Peer, Settings, children

SETTINGS: Settings = {
    "name": "chaos",
    "orm": "default",
    "workers": WORKERS,
    "timeout": 20,
    # More than the timeout, as it asks for, and soon enough for the run to see it; its default is 60.
    "retry": 30,
    "ack_failures": False,
    "max_attempts": 0,
    # The time in the cluster's own queue counts towards `retry`, so that queue is kept short.
    "queue_limit": 16,
    "bulk": 4,
    "save_limit": 0,
    "log_level": "WARNING",
}


class DjangoQ2(Peer):
    name = "django-q2"
    module = "bench.peers.inside.django_q2_site"
    # setproctitle and psutil are its own optional extras; by the titles the driver tells its processes apart.
    requirements = ("django-q2==1.11.1", "django==5.2.19", "setproctitle==1.3.8", "psutil==7.2.2")
    promise = (
        "brokers with receipts guarantee delivery: a job that is not acknowledged within `retry` seconds is put back "
        "into the queue; dead workers, monitor and pusher are replaced by the sentinel"
    )
    settings = SETTINGS

    def command(self) -> list[str]:
        return [self.python, "-m", "django", "qcluster"]

    def environment(self) -> dict[str, str]:
        own = {"DJANGO_SETTINGS_MODULE": self.module, "PEER_DATABASE": str(self.folder / "site.sqlite3")}
        return super().environment() | own

    def members(self, main: int) -> list[tuple[str, int]]:
        """Cluster and sentinel keep the rest alive; monitor and pusher speak to the database."""
        found = [("node", main)]
        for _, sentinel in children(main):
            found.append(("node", sentinel))
            found += [(_who(title), child) for title, child in children(sentinel)]
        return found


def _who(title: str) -> str:
    words = title.split()
    if "monitor" in words or "pusher" in words:
        return "clerk"
    return "worker" if "idle" in words or "processing" in words else "newborn"
