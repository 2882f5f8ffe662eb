"""Task objects: Django's Task in every respect, with the pool's options on top."""

import dataclasses
import pickle
from copy import copy, deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from pool import task
from pool.adapters.tasks_api import InvalidTask, Task
from pool.backend import PoolTask
from pool.domain.ids import new_id
from pool.domain.options import UNSET, TaskKind
from tests.contract import tasks

TOMORROW = datetime.now(UTC) + timedelta(days=1)


class TestTask:
    def test_both_decorators_make_the_same_class(self):
        assert (PoolTask, PoolTask) == (type(tasks.add), type(tasks.of_django))
        assert isinstance(tasks.add, Task)

    def test_defaults_are_djangos(self):
        assert (0, "default", "default", None, False) == (
            tasks.add.priority,
            tasks.add.backend,
            tasks.add.queue_name,
            tasks.add.run_after,
            tasks.add.takes_context,
        )
        assert (UNSET, None, TaskKind.CUSTOM) == (tasks.add.timeout, tasks.add.max_attempts, tasks.add.kind)

    def test_options_of_the_decorator_are_kept(self):
        assert (50, "slow", 5, 2, TaskKind.COMPUTATION) == (
            tasks.tell.priority,
            tasks.tell.queue_name,
            tasks.tell.timeout,
            tasks.tell.max_attempts,
            tasks.tell.kind,
        )

    def test_a_task_has_its_name_and_path(self):
        assert ("add", f"{tasks.__name__}.add") == (tasks.add.name, tasks.add.module_path)

    def test_a_task_can_be_called_directly(self):
        assert 3 == tasks.add.call(1, b=2)
        assert "done" == tasks.wait_for_nothing.call()

    def test_a_task_is_frozen_and_hashable(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            tasks.add.priority = 5
        full = {"metadata": {"a": 1}, "tags": ["b"], "requires": ["c"], "backoff": {"base": 1}}
        assert 1 == len({tasks.add.using(**full), tasks.add.using(**full)})

    def test_a_task_survives_copy_and_pickle(self):
        changed = tasks.add.using(priority=5, timeout=None, metadata={"a": [1]})
        for twin in (copy(changed), deepcopy(changed), pickle.loads(pickle.dumps(changed))):
            assert changed == twin
            assert twin.func is tasks.add.func
            assert changed.options == twin.options


class TestUsing:
    def test_it_makes_another_task_and_leaves_the_first(self):
        other = tasks.add.using(priority="high", queue_name="mail", run_after=TOMORROW, timeout=9, tenant="a")
        assert (50, "mail", TOMORROW, 9, "a") == (
            other.priority,
            other.queue_name,
            other.run_after,
            other.timeout,
            other.tenant,
        )
        assert (0, "default", None, UNSET) == (
            tasks.add.priority,
            tasks.add.queue_name,
            tasks.add.run_after,
            tasks.add.timeout,
        )

    def test_none_leaves_djangos_four_and_sets_the_pools(self):
        other = tasks.tell.using(priority=None, queue_name=None, run_after=None, backend=None, timeout=None)
        assert (50, "slow", None) == (other.priority, other.queue_name, other.timeout)

    def test_every_option_of_the_public_interface_is_a_name_it_knows(self):
        tasks.add.using(
            priority=1,
            queue_name="q",
            run_after=TOMORROW,
            expires_at=TOMORROW,
            timeout=1.5,
            max_attempts=1,
            backoff=2,
            tenant="t",
            affinity="a",
            requires=["gpu"],
            metadata={"user": 1},
            tags=["x"],
        )

    def test_an_unknown_option_is_a_type_error(self):
        with pytest.raises(TypeError, match=r"^using\(\) knows no option 'colour'\."):
            tasks.add.using(colour="red")
        with pytest.raises(TypeError):
            tasks.add.using(func=len)

    def test_ties_to_other_jobs_survive_further_options(self):
        parent = new_id()
        made = tasks.add.using(depends_on=[parent], on_success=tasks.fail, unique_key="k", limit_key="l", limit_rate=2)
        again = pickle.loads(pickle.dumps(made.using(priority=5)))
        assert ((parent,), tasks.fail, "k") == (
            again.options.links.parents,
            again.options.links.on_success.task,
            again.options.links.unique.key,
        )
        assert ("l", None, 2.0) == (
            again.options.links.limit_key,
            again.options.links.limit_running,
            again.options.links.limit_rate,
        )

    def test_a_task_without_ties_has_none(self):
        assert tasks.add.options.links is None
        assert tasks.add.using(on_parent_failure="run", depends_on=[]).options.links is None

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"priority": 101}, "priority must be a whole number between -100 and 100."),
            ({"priority": -101}, "priority must be a whole number between -100 and 100."),
            ({"priority": 3.1}, "priority must be a whole number between -100 and 100."),
            ({"priority": "urgent"}, "priority must be a whole number between -100 and 100."),
            ({"run_after": datetime(2030, 1, 1)}, "run_after must be an aware datetime."),
            ({"run_after": datetime(9999, 1, 1, tzinfo=UTC)}, "run_after must be in a year from 1970 to 9998."),
            ({"timeout": 0}, "timeout must be a number of seconds above 0"),
            ({"queue_name": "x" * 101}, "queue_name must be a text of 1 to 100 characters."),
            ({"depends_on": "x"}, "depends_on must name jobs or batches"),
            ({"on_parent_failure": "x"}, "on_parent_failure must be one of cancel, run."),
            ({"limit_running": 2}, "limit_running needs a limit_key"),
        ],
    )
    def test_a_wrong_value_is_an_invalid_task(self, options, sentence):
        with pytest.raises(InvalidTask) as caught:
            tasks.add.using(**options)
        assert str(caught.value).startswith(sentence)


class TestDecorator:
    def test_a_function_must_be_at_module_level(self):
        def inner():
            return None

        for function in (inner, lambda: None, len):
            with pytest.raises(InvalidTask, match=r"^Task function must be defined at a module level"):
                task(function)

    def test_a_task_that_takes_context_must_name_it_first(self):
        with pytest.raises(InvalidTask, match="does not have a first argument of 'context'"):
            task(takes_context=True)(tasks.not_a_task)

    def test_a_time_to_run_does_not_belong_there(self):
        with pytest.raises(TypeError, match=r"^run_after cannot be"):
            task(run_after=TOMORROW)(tasks.not_a_task)

    def test_an_unknown_option_is_a_type_error(self):
        with pytest.raises(TypeError, match=r"^@task knows no option 'retries'"):
            task(retries=3)(tasks.not_a_task)

    def test_what_maps_results_must_be_a_function(self):
        with pytest.raises(InvalidTask, match=r"^map_result must be a function"):
            task(map_result="value")(tasks.not_a_task)

    def test_a_queue_must_be_one_of_the_backends_own_if_it_names_any(self, settings):
        settings.TASKS = {"default": {"BACKEND": "pool.backend.PoolBackend", "QUEUES": ["mail"]}}
        with pytest.raises(InvalidTask, match="Queue 'default' is not valid for backend"):
            task(tasks.not_a_task)
        assert "mail" == task(queue_name="mail")(tasks.not_a_task).queue_name
