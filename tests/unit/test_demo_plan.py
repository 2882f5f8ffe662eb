"""What `pool demo` enqueues for a folder, and how it sums up what came out."""

import io
import json
import os
from importlib import import_module

import pytest
from rich.console import Console

import pool.library
from pool.library.demo.plan import LIBRARY, SHOWCASE, TO_CANCEL, default_folder, plan
from pool.library.demo.report import DemoRow, report
from pool.library.demo.screen import draw

MANY = 10_000


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").touch()
    (tmp_path / "a.py").write_text("import os\n")
    (tmp_path / "large.bin").write_bytes(bytes(100_000))
    (tmp_path / "sub" / "icon.png").write_bytes(b"png")
    (tmp_path / "sub" / "deep" / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    return tmp_path


def names(planned, *, about=""):
    return [call.task.removeprefix(LIBRARY) for call in planned.calls if not about or call.args[:1] == (about,)]


def test_each_file_gets_the_work_that_suits_it(folder):
    planned = plan(folder, MANY)
    assert names(planned, about=f"{folder}/a.py") == ["files.hash_file", "text.text_statistics"]
    assert names(planned, about=f"{folder}/large.bin") == [
        "files.hash_file",
        "compression.compress_file",
        "encryption.encrypt_file",
    ]
    assert "images.make_thumbnails" in names(planned, about=f"{folder}/sub/icon.png")
    assert names(planned, about=f"{folder}/sub/deep/t.csv") == ["files.hash_file", "tables.csv_statistics"]
    assert names(planned, about=str(folder)) == ["files.scan_directory"]


def test_links_are_not_followed_and_caches_are_passed_over(folder):
    planned = plan(folder, MANY)
    found = [os.path.relpath(file.path, folder) for file in planned.files]
    assert found == ["a.py", "large.bin", "sub/icon.png", "sub/deep/t.csv"]
    assert planned.left_out == {"links": 1}


def test_the_same_folder_gives_the_same_plan(folder):
    assert plan(folder, MANY).calls == plan(folder, MANY).calls


@pytest.mark.parametrize("limit", [1, 7, 20])
def test_a_plan_keeps_to_its_limit(folder, limit):
    assert len(plan(folder, limit).calls) == limit


def test_a_small_plan_is_about_files_too():
    planned = plan(default_folder(), 40, table="/table.csv")
    assert names(planned).count("files.hash_file") >= 5


def test_the_showcase_is_around_the_work(folder):
    planned = plan(folder, MANY)
    shown = [place for place, call in enumerate(planned.calls) if call.task.startswith(SHOWCASE)]
    assert shown == [0, 1, 2, len(planned.calls) - 2, len(planned.calls) - 1]
    assert TO_CANCEL in planned.calls


def test_work_whose_library_is_missing_is_left_out_and_named(folder):
    planned = plan(folder, MANY, installed=lambda module: module not in {"PIL", "numpy"})
    assert planned.missing == ["PIL", "numpy"]
    assert not [name for name in names(planned) if name.startswith(("images.", "computation."))]
    assert "compression.compress_file" in names(planned)


def test_names_that_are_not_text_and_pipes_are_left_out(folder):
    os.close(os.open(os.fsencode(folder) + b"/\xff", os.O_CREAT))
    os.mkfifo(folder / "pipe")
    left_out = plan(folder, MANY).left_out
    assert left_out == {"links": 1, "names that are not text": 1, "devices, sockets and pipes": 1}


def test_the_grant_goes_with_every_job_that_reads_the_folder(folder):
    planned = plan(folder, MANY, grant="signed", table="/table.csv")
    reading = [call for call in planned.calls if str(call.args[:1]).find(str(folder)) > 0]
    assert {"signed"} == {call.kwargs["grant"] for call in reading}
    assert len(names(planned, about="/table.csv")) == 3


def test_the_standard_library_gives_thousands_of_jobs_that_exist():
    planned = plan(default_folder(), MANY)
    assert len(planned.calls) > 1000
    tasks = {name for module in pool.library.MODULES for name in _tasks_of(module)}
    assert {call.task for call in planned.calls} <= tasks


def test_a_report_sums_up_what_the_tasks_returned():
    told = report(ROWS, seconds=2.0, notes=["A note."])
    assert (told.jobs, told.seconds) == (9, 2.0)
    assert (told.work_seconds, told.jobs_per_second) == (0.5, 14.0)
    assert told.hashed == {"files": 3, "bytes": 30, "distinct": 2, "repeated_bytes": 10}
    assert told.packed == {"files": 1, "bytes": 100, "packed_bytes": 25, "ratio": 4.0}
    assert told.text["longest_line"] == {"path": "/a.py", "number": 1, "characters": 9}
    assert told.by_status == {"COMPLETED": 5, "FAILED": 3, "TIMEOUT": 1}
    assert told.slowest[0] == {"id": "4", "task": "compression.compress_file", "about": "/a.bin", "run_ms": 50.0}
    assert told.notes == ["A note."]


def test_failures_of_the_same_kind_are_put_together_and_the_intended_ones_stand_apart():
    told = report(ROWS, seconds=1.0)
    (failure,) = told.failures
    assert (failure["jobs"], failure["task"], failure["message"]) == (2, "images.resize_image", "FILE is no image.")
    assert [(story["task"], story["status"]) for story in told.showcase] == [
        ("showcase.always_fails", "FAILED"),
        ("showcase.overruns", "TIMEOUT"),
    ]


def test_a_report_can_be_drawn_and_sent_as_json():
    told = report(ROWS, seconds=1.0, notes=["Left out: [links]."])
    console = Console(file=io.StringIO(), width=160)
    draw(told, console)
    text = console.file.getvalue()
    assert "images.resize_image" in text
    assert "Left out: [links]." in text
    assert json.loads(json.dumps(told.as_dict()))["hashed"]["files"] == 3


def test_a_report_of_nothing_can_be_drawn():
    draw(report([], seconds=0.0), Console(file=io.StringIO()))


def _tasks_of(module):
    found = vars(import_module(module)).values()
    return {task.module_path for task in found if hasattr(task, "module_path")}


def _row(number, task, status="COMPLETED", about="", run_ms=1.0, result=None, error=None):
    return DemoRow(str(number), LIBRARY + task, status, 1, about, run_ms, 0.5, result, error)


def _hash(digest):
    return {"bytes": 10, "digests": {"sha256": digest}}


TEXT = {
    "path": "/a.py",
    "lines": 3,
    "words": 4,
    "longest_line": {"number": 1, "characters": 9},
    "most_common": [["os", 2]],
}
NO_IMAGE = {"type": "pool.library.errors.LibraryError", "message": "/x.png is no image."}
ROWS = [
    _row(1, "files.hash_file", about="/a", result=_hash("1")),
    _row(2, "files.hash_file", about="/b", result=_hash("1")),
    _row(3, "files.hash_file", about="/c", result=_hash("2")),
    _row(4, "compression.compress_file", about="/a.bin", run_ms=50.0, result={"bytes": 100, "packed_bytes": 25}),
    _row(5, "text.text_statistics", about="/a.py", result=TEXT),
    _row(6, "images.resize_image", "FAILED", "/x.png", error=NO_IMAGE),
    _row(7, "images.resize_image", "FAILED", "/y.png", error=NO_IMAGE | {"message": "/y.png is no image."}),
    _row(8, "showcase.always_fails", "FAILED", error={"type": "ShowcaseError", "message": "On purpose."}),
    _row(9, "showcase.overruns", "TIMEOUT", run_ms=None),
]
