"""What tests of the sockets do in a site's database. Called in the side process, through `Site.do`."""

from datetime import timedelta
from importlib import import_module
from typing import Any

NODE = "stage"


def sign_in(name: str, *, superuser: bool = True, rights: tuple[str, ...] = (), **fields: Any) -> str:
    """A member of staff (unless told otherwise) with a new session; the session's key."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.auth.models import Permission

    values = {"is_staff": True, "is_superuser": superuser, **fields}
    user, _ = get_user_model().objects.get_or_create(username=name, defaults=values)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def sign_out(session: str) -> None:
    from django.contrib.sessions.models import Session

    Session.objects.filter(session_key=session).delete()


def expire(session: str) -> None:
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    Session.objects.filter(session_key=session).update(expire_date=timezone.now() - timedelta(seconds=1))


def change_user(name: str, **fields: Any) -> None:
    from django.contrib.auth import get_user_model

    get_user_model().objects.filter(username=name).update(**fields)


def change_password(name: str) -> None:
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.get(username=name)
    user.set_password("another")
    user.save()


def take_rights(name: str) -> None:
    from django.contrib.auth import get_user_model

    get_user_model().objects.get(username=name).user_permissions.clear()


def write_snapshot(bytes_more: int = 0) -> float:
    """Be a node that writes its second; when it did, in seconds since 1970."""
    from django.utils import timezone

    from pool.domain.states import NodeState
    from pool.models import Node, PoolSnapshot, WorkerSnapshot

    now = timezone.now()
    values = {"host": "stage", "pid": 1, "state": NodeState.RUNNING, "started_at": now, "last_beat": now}
    Node.objects.update_or_create(id=NODE, defaults=values)
    if bytes_more:
        fields = {"node": NODE, "slot": 0, "pid": 1, "state": "IDLE", "started_at": now, "last_beat": now}
        for number in range(bytes_more // 250):
            WorkerSnapshot.objects.get_or_create(id=f"w{number}", defaults=fields)
    PoolSnapshot.objects.create(at=now, node=NODE, data={"ready": True, "lanes": []})
    return now.timestamp()


def running_job(task: str = "stage.job", **fields: Any) -> str:
    from django.utils import timezone

    from pool.domain.states import JobStatus
    from pool.models import Job

    now = timezone.now()
    values = {"task": task, "status": JobStatus.RUNNING, "created_at": now, "run_at": now, "started_at": now, **fields}
    return str(Job.objects.create(**values).pk)


def change_job(job: str, **fields: Any) -> None:
    from pool.models import Job

    Job.objects.filter(pk=job).update(**fields)


def delete_job(job: str) -> None:
    from pool.models import Job

    Job.objects.filter(pk=job).delete()


def say(job: str, *texts: str) -> None:
    from django.utils import timezone

    from pool.models import JobLog

    for text in texts:
        JobLog.objects.create(job_id=job, epoch=1, at=timezone.now(), stream="stdout", text=text)


def audit() -> list[tuple[str, str, str]]:
    from pool.models import PoolEvent

    return list(PoolEvent.objects.exclude(source="node").order_by("id").values_list("name", "actor", "source"))


def is_paused(queue: str) -> bool:
    from pool.models import Queue

    return Queue.objects.filter(name=queue, paused=True).exists()


def keep_csrf(session: str, secret: str) -> None:
    """As the middleware does where the token is kept in the session."""
    from django.conf import settings

    store = import_module(settings.SESSION_ENGINE).SessionStore(session)
    store["_csrftoken"] = secret
    store.save()
