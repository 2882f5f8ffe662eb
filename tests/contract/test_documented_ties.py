"""The examples of docs/dependencies.md do what they say."""

import re
from pathlib import Path

import pytest

from pool.adapters.tasks_api import TaskResultStatus, task_backends

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "dependencies.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def backend(settings):
    settings.TASKS = {"default": {"BACKEND": "pool.testing.InlineBackend"}}
    return task_backends["default"]


def test_they_run_as_the_page_says(backend):
    names = {"__name__": "shop.tasks"}
    for block in BLOCKS:
        exec(compile(block, "docs/dependencies.md", "exec"), names)
    assert 6 == len(BLOCKS)
    assert 3 == names["total"].return_value
    assert "done: cleaning" == names["cleanup"].return_value
    said = [result.return_value for result in backend.results if result.task.name in ("report", "alarm")]
    assert [
        "done: cleaning",
        f"done: {names['page'].id}",
        f"done: {names['batch'].id}",
        "done: the whole batch",
    ] == said
    assert names["one"].id == names["same"].id != names["once"].id
    assert {TaskResultStatus.SUCCESSFUL} == {result.status for result in backend.results}
