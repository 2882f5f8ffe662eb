"""Which tasks exist: those of the installed apps and of the modules that the settings name."""

import sys

import pytest

from pool import registry
from pool.adapters.tasks_api import Task
from pool.domain.errors import InvalidConfig, UnknownTask
from tests.contract import tasks

ADD = f"{tasks.__name__}.add"


@pytest.fixture
def use_modules(settings):
    def use(*names):
        settings.POOL = {**settings.POOL, "task_modules": list(names)}

    return use


@pytest.fixture
def module_on_disk(tmp_path, monkeypatch):
    """Write a module and make it importable under its name."""

    def make(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)

    monkeypatch.syspath_prepend(tmp_path)
    return make


def test_the_pools_own_tasks_are_always_there():
    assert "pool.library.files.hash_file" in registry.discover()


def test_tasks_of_a_named_module_are_found_by_the_name_of_their_function(use_modules):
    use_modules(tasks.__name__)
    assert registry.find(ADD) is tasks.add
    assert registry.known(ADD)
    named = {name for name, value in vars(tasks).items() if isinstance(value, Task) and value.name == name}
    assert {"add", "of_django", "wait_for_nothing"} < named
    assert named == {
        name.removeprefix(f"{tasks.__name__}.") for name in registry.discover() if name.startswith(tasks.__name__)
    }


def test_a_module_that_is_not_named_is_not_looked_into(use_modules):
    use_modules()
    assert not registry.known(ADD)


def test_an_unknown_name_says_what_is_near_and_imports_nothing(use_modules):
    use_modules(tasks.__name__)
    with pytest.raises(UnknownTask, match=f"^There is no task '{ADD}s'. Did you mean {ADD}"):
        registry.find(f"{ADD}s")
    with pytest.raises(UnknownTask, match=r"^There is no task 'antigravity.fly'\. Tasks live in tasks\.py"):
        registry.find("antigravity.fly")
    assert "antigravity" not in sys.modules


def test_a_task_imported_from_elsewhere_keeps_its_own_name(use_modules, module_on_disk):
    module_on_disk("borrowing", f"from {tasks.__name__} import add as plus")
    use_modules("borrowing")
    assert registry.find(ADD) is tasks.add


@pytest.mark.parametrize("name", ["nowhere", "nowhere.at.all", "pool.nowhere"])
def test_a_module_that_does_not_exist_is_told_with_its_setting(use_modules, name):
    use_modules(name)
    with pytest.raises(InvalidConfig, match=f"^POOL\\['task_modules'\\] names '{name}', and there is no such module"):
        registry.discover()


def test_a_module_that_cannot_be_imported_shows_its_own_error(use_modules, module_on_disk):
    module_on_disk("broken_tasks", "import nowhere_at_all")
    use_modules("broken_tasks")
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        registry.discover()
