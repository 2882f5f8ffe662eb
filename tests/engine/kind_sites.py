"""Sites with workers of some kinds, and what their tests share."""

from typing import Any

from tests.engine.engine_site import EngineSite

KIND_TASKS = "tests.engine.kind_tasks."

TASK_MODULES = {"POOL_TASK_MODULES": "tests.engine.tasks,tests.engine.kind_tasks"}
SHORT_STAGES = {"POOL_FLAG_GRACE_S": "0.3", "POOL_EXCEPTION_GRACE_S": "0.4", "POOL_TERM_GRACE_S": "0.4"}


def kind_site(database: str = "sqlite", *kinds: str, **settings: Any) -> EngineSite:
    """A site whose node has workers of these kinds, from the first on."""
    named = {f"POOL_{name.upper()}": str(value) for name, value in settings.items()}
    return EngineSite(database, POOL_WORKER_KINDS=",".join(kinds), **(TASK_MODULES | named))


def run(site: EngineSite, task: str, *args: Any, **more: Any) -> dict[str, Any]:
    """Enqueue a job, and wait until it has ended."""
    return site.wait_for_job(site.enqueue(task if "." in task else KIND_TASKS + task, *args, **more))


def run_many(site: EngineSite, task: str, calls: list[list[Any]], **options: Any) -> list[dict[str, Any]]:
    jobs = site.enqueue_many(KIND_TASKS + task, [(args, {}) for args in calls], options)
    return [site.wait_for_job(job) for job in jobs]
