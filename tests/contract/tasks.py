"""Tasks of the contract tests, made by both decorators."""

from pool import task
from pool.adapters import tasks_api


@task
def add(a, b=0):
    return a + b


@task
async def wait_for_nothing():
    return "done"


@task(takes_context=True, kind="COMPUTATION", timeout=5, max_attempts=2, priority="high", queue_name="slow")
def tell(context, text):
    context.progress(0.5, "half")
    context.step("second")
    context.log(text)
    context.add_usage(input_tokens=3)
    context.add_usage(input_tokens=4)
    context.check_cancelled()
    return [context.job, context.attempt, context.cancelled, context.draining]


@task
def fail():
    raise ValueError("broken")


@task(on_failure=f"{__name__}.calls_itself")
def calls_itself():
    """Its callbacks would have no end."""


@task
def return_a_set():
    return {1}


def value_of(answer):
    if answer["status"] == "ERROR":
        raise RuntimeError("Graph execution failed")
    return answer["value"]


@task(map_result=value_of)
def ask_engine(status):
    return {"status": status, "value": 7}


@task(map_result=value_of)
async def ask_engine_async(status):
    return {"status": status, "value": 7}


@tasks_api.task
def of_django():
    return "plain"


add_soon = add.using(priority=10)


def not_a_task():
    return None
