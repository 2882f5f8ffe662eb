"""What happens on another host, as the database shows it. Runs in the side process."""


def move_nodes() -> None:
    """Let all nodes seem to be of another host: nobody here can look at their files or end their processes."""
    from pool.models import Node

    Node.objects.update(host="elsewhere", boot_id="another", run_dir="/nowhere", pid=1)


def claim_again(job: str) -> None:
    """What another node's claim would write, a rescue before it."""
    from django.db.models import F

    from pool.models import Job

    Job.objects.filter(pk=job).update(epoch=F("epoch") + 1)


def fenced() -> int:
    """How many endings the database refused, as the nodes count them."""
    from pool.models import PoolSnapshot

    return sum(row.data["totals"]["fenced"] for row in PoolSnapshot.objects.order_by("-at")[:1])


def connections() -> int:
    """Connections to this database, this one among them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def make_queue(name: str) -> None:
    from pool.models import Queue

    Queue.objects.create(name=name)


def counted(name: str) -> int:
    from pool.models import Queue

    return int(Queue.objects.get(name=name).paused_by)


def add_column() -> None:
    """What a migration of a later version does, as one that can be rolled out does it."""
    _alter("ADD COLUMN added text NULL")


def drop_column() -> None:
    _alter("DROP COLUMN added")


def _alter(how: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE pool_job {how}")


def token() -> str:
    """Of a superuser, for the API."""
    from django.contrib.auth import get_user_model

    from pool.store.tokens import create_token

    user, _ = get_user_model().objects.get_or_create(username="caller", is_staff=True, is_superuser=True)
    return create_token(user, "caller")[1]
