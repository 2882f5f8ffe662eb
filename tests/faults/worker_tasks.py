"""Tasks for the faults of workers and nodes, beside those of tests/engine/tasks.py."""

import os
import time

from django.db import connection, transaction

from pool import task

STEP_S = 0.01
MEGABYTES = 10


@task(max_attempts=1, timeout=None)
def grows_at(path: str, megabytes: int) -> int:
    """Wait for the file, then take memory step by step; pages are touched, so that they count."""
    while not os.path.exists(path):
        time.sleep(STEP_S)
    held = []
    while MEGABYTES * len(held) < megabytes:
        held.append(bytearray(b"x") * (MEGABYTES * 2**20))
    return len(held)


@task(max_attempts=1)
def asks_database(start: int, number: int) -> int | None:
    """Ask the database so many questions, and look whether each answer is its own; the server's process, if any."""
    with connection.cursor() as cursor:
        for question in range(start, start + number):
            cursor.execute("SELECT %s * 2", (question,))
            assert cursor.fetchone() == (question * 2,)
    return connection.connection.info.backend_pid if connection.vendor == "postgresql" else None


@task(max_attempts=1)
def counts_up(queue: str, times: int) -> None:
    """Read a row and write it again, so many times, each in one transaction."""
    from pool.models import Queue

    for _ in range(times):
        with transaction.atomic():
            row = Queue.objects.get(name=queue)
            row.paused_by = str(int(row.paused_by or 0) + 1)
            row.save()
