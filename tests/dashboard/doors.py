"""Every address and method of the site, with who gets past: the table that `test_matrix` holds the site against."""

from dataclasses import dataclass

from pool.models import (
    AlertRecord,
    Attempt,
    Batch,
    BatchChange,
    Job,
    JobDependency,
    JobLog,
    KeyRate,
    Node,
    PoolEvent,
    PoolSnapshot,
    Queue,
    ScheduleState,
    Tally,
    Tenant,
    UniqueKey,
    WorkerSnapshot,
)

# Kinds of callers --------------------------------------------------------------

UNKNOWN = {"anonymous", "deactivated", "token revoked", "token expired", "token of somebody deactivated", "token wrong"}
STAFF = {"staff", "viewer", "submitter", "operator", "superuser"}
TOKENS = {"token read", "token submit", "token operate"}
KINDS = UNKNOWN | STAFF | TOKENS | {"user"}

READ = {"viewer", "submitter", "operator", "superuser", "token read"}
SUBMIT = {"submitter", "superuser", "token submit"}
OPERATE = {"operator", "superuser", "token operate"}
SUPERUSER = {"superuser"}
LOOKERS = {"viewer", "submitter", "operator", "superuser"}

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# Rules -------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """Who gets past, and how the others are turned away."""

    who: frozenset[str]
    strangers: str
    """What somebody unknown is told: "401" or "login"."""
    has_tokens: bool = True
    """Whether tokens count here at all."""

    def expected(self, kind: str) -> str:
        if kind in self.who:
            return "past"
        is_stranger = kind in UNKNOWN or (not self.has_tokens and kind in TOKENS | {"user"})
        return self.strangers if is_stranger else "403"


def data(who: set[str]) -> Rule:
    return Rule(frozenset(who), "401")


def page(who: set[str]) -> Rule:
    return Rule(frozenset(who), "login")


def in_admin(who: set[str]) -> Rule:
    return Rule(frozenset(who), "login", has_tokens=False)


OPEN = Rule(frozenset(KINDS), "")
SHUT = Rule(frozenset(), "403", has_tokens=False)
"""Answers everybody with 403."""

READ_DATA, READ_PAGE, SUBMIT_DATA = {"GET": data(READ)}, {"GET": page(READ)}, {"POST": data(SUBMIT)}
OPERATE_DATA, OPERATE_PAGE = {"POST": data(OPERATE)}, {"POST": page(OPERATE)}

Rules = dict[str, Rule]

SITE: dict[str, Rules] = {
    "": dict.fromkeys(METHODS, OPEN),
    "health": {"GET": OPEN},
    "health/": {"GET": OPEN},
    "health/live": {"GET": OPEN},
    "health/ready": {"GET": OPEN},
    "login/<str:token>/": {"GET": SHUT},
    "metrics": READ_DATA,
}
API: dict[str, Rules] = {
    "jobs": {**READ_DATA, **SUBMIT_DATA},
    "jobs/batch": SUBMIT_DATA,
    "jobs/<str:job_id>": {**READ_DATA, "DELETE": data(OPERATE)},
    "jobs/<str:job_id>/retry": OPERATE_DATA,
    "jobs/<str:job_id>/discard": OPERATE_DATA,
    "jobs/<str:job_id>/attempts": READ_DATA,
    "jobs/<str:job_id>/logs": READ_DATA,
    "jobs/<str:job_id>/events": READ_DATA,
    "jobs/<str:job_id>/explain": READ_DATA,
    "jobs/<str:job_id>/stack": READ_DATA,
    "jobs/<str:job_id>/children": READ_DATA,
    "batches/<str:batch_id>": READ_DATA,
    "tasks": READ_DATA,
    "queues": READ_DATA,
    "queues/<path:name>": {**READ_DATA, "PATCH": data(OPERATE)},
    "queues/<path:name>/pause": OPERATE_DATA,
    "queues/<path:name>/resume": OPERATE_DATA,
    "workers": READ_DATA,
    "workers/check": OPERATE_DATA,
    "workers/<str:worker_id>": READ_DATA,
    "workers/<str:worker_id>/restart": OPERATE_DATA,
    "nodes": READ_DATA,
    "pool": READ_DATA,
    "pool/scale": OPERATE_DATA,
    "alerts": READ_DATA,
    "alerts/<str:alert_id>/mute": OPERATE_DATA,
    "alerts/<str:alert_id>/unmute": OPERATE_DATA,
    "health": READ_DATA,
    "dead-letters": READ_DATA,
    "schedules": READ_DATA,
    "schedules/<str:schedule_id>": READ_DATA,
    "schedules/<str:schedule_id>/pause": OPERATE_DATA,
    "schedules/<str:schedule_id>/resume": OPERATE_DATA,
    "schedules/<str:schedule_id>/run": OPERATE_DATA,
    "schema": READ_DATA,
    "docs": READ_PAGE,
    r"^[\s\S]*$": {"GET": OPEN, "POST": OPEN, "PUT": OPEN, "PATCH": OPEN, "DELETE": OPEN},
}
PAGES: dict[str, Rules] = {
    "": READ_PAGE,
    "charts": READ_DATA,
    "live": READ_DATA,
    "jobs/": READ_PAGE,
    "jobs/<uuid:job_id>/": READ_PAGE,
    "queues/": READ_PAGE,
    "workers/": READ_PAGE,
    "nodes/": READ_PAGE,
    "dead-letters/": READ_PAGE,
    "schedules/": READ_PAGE,
    "events/": READ_PAGE,
    "settings/": READ_PAGE,
    "jobs/<uuid:job_id>/cancel": OPERATE_PAGE,
    "jobs/<uuid:job_id>/retry": OPERATE_PAGE,
    "jobs/<uuid:job_id>/discard": OPERATE_PAGE,
    "jobs/cancel": OPERATE_PAGE,
    "jobs/retry": OPERATE_PAGE,
    "jobs/discard": OPERATE_PAGE,
    "dead-letters/retry": OPERATE_PAGE,
    "dead-letters/discard": OPERATE_PAGE,
    "queues/pause": OPERATE_PAGE,
    "queues/resume": OPERATE_PAGE,
    "queues/tune": OPERATE_PAGE,
    "schedules/<int:schedule>/pause": OPERATE_PAGE,
    "schedules/<int:schedule>/resume": OPERATE_PAGE,
    "schedules/<int:schedule>/run": OPERATE_PAGE,
    "pool/scale": OPERATE_PAGE,
    "workers/check": OPERATE_PAGE,
    "workers/<str:worker>/restart": OPERATE_PAGE,
    "alerts/<int:alert>/mute": OPERATE_PAGE,
    "alerts/<int:alert>/unmute": OPERATE_PAGE,
    "nodes/restart": OPERATE_PAGE,
}
ANY_STAFF = {"GET": in_admin(STAFF)}
ADMIN: dict[str, Rules] = {
    "": ANY_STAFF,
    "login/": {"GET": OPEN, "POST": OPEN},
    "logout/": {"POST": OPEN},
    "password_change/": {**ANY_STAFF, "POST": in_admin(STAFF)},
    "password_change/done/": ANY_STAFF,
    # It wants to know which field it is for, and no field of ours may be searched.
    "autocomplete/": {"GET": in_admin(set())},
    "jsi18n/": ANY_STAFF,
    "r/<path:content_type_id>/<path:object_id>/": ANY_STAFF,
    "auth/user/<id>/password/": {"GET": in_admin(SUPERUSER), "POST": in_admin(SUPERUSER)},
    "^(?P<app_label>auth|django_q|pool)/$": ANY_STAFF,
    "(?P<url>.*)$": ANY_STAFF,
}


def of_model(model: str, look: set[str], change: set[str], delete: set[str]) -> dict[str, Rules]:
    """The addresses Django admin gives each model. Whom it lets add, it lets change."""
    return {
        f"{model}/": {"GET": in_admin(look), "POST": in_admin(look)},
        f"{model}/add/": {"GET": in_admin(change), "POST": in_admin(change)},
        f"{model}/<path:object_id>/": ANY_STAFF,
        f"{model}/<path:object_id>/history/": {"GET": in_admin(look)},
        f"{model}/<path:object_id>/change/": {"GET": in_admin(look), "POST": in_admin(change)},
        f"{model}/<path:object_id>/delete/": {"GET": in_admin(delete), "POST": in_admin(delete)},
    }


SHOWN = (Job, Attempt, JobLog, Tally, Node, WorkerSnapshot, PoolSnapshot, PoolEvent)
SHOWN += (JobDependency, Batch, BatchChange, UniqueKey, ScheduleState, AlertRecord)
MODELS = {
    **of_model("auth/user", SUPERUSER, SUPERUSER, SUPERUSER),
    **of_model("auth/group", SUPERUSER, SUPERUSER, SUPERUSER),
    **of_model("pool/apitoken", LOOKERS, set(), SUPERUSER),
    **of_model("django_q/schedule", SUPERUSER, SUPERUSER, SUPERUSER),
}
for of_clusters in ("success", "failure"):
    # Of django-q2's own clusters, where there are any: nobody adds what nobody ran.
    MODELS |= of_model(f"django_q/{of_clusters}", SUPERUSER, SUPERUSER, SUPERUSER)
    MODELS[f"django_q/{of_clusters}/add/"] = {"GET": in_admin(set()), "POST": in_admin(set())}
for shown in SHOWN:
    MODELS |= of_model(f"pool/{shown._meta.model_name}", LOOKERS, set(), set())
TUNERS = {"operator", "superuser"}
TUNED = (Queue, Tenant, KeyRate)
MODELS |= of_model("pool/queue", LOOKERS, TUNERS, set())
MODELS |= of_model("pool/tenant", LOOKERS, TUNERS, TUNERS)
MODELS |= of_model("pool/keyrate", LOOKERS, set(), TUNERS)

TABLE: dict[str, Rules] = {
    **SITE,
    **{f"api/v1/{route}": rules for route, rules in API.items()},
    **{f"dashboard/{route}": rules for route, rules in PAGES.items()},
    **{f"admin/{route}": rules for route, rules in {**ADMIN, **MODELS}.items()},
}

SOCKETS: dict[str, Rule] = {
    "ws/metrics/": in_admin(LOOKERS),
    "ws/jobs/<str:job>/": in_admin(LOOKERS),
}
"""They take a session, and no token."""
