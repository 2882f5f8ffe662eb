"""Changed code is noticed: the project's own Python files, and nothing else."""

import json
from pathlib import Path

import pool
from pool.engine.reload import SourceWatch, is_installed, outermost, project_folders


def write(path: Path, text: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_changed_added_and_removed_files_are_told_once(tmp_path):
    changed, removed = write(tmp_path / "shop" / "tasks.py"), write(tmp_path / "shop" / "old.py")
    watch = SourceWatch([tmp_path])
    assert [] == watch.changed()
    write(Path(changed), "x = 1")
    Path(removed).unlink()
    added = write(tmp_path / "shop" / "new.py")
    assert sorted([added, changed, removed]) == watch.changed()
    assert [] == watch.changed()


def test_what_is_not_the_projects_code_is_passed_over(tmp_path):
    watch = SourceWatch([tmp_path])
    for name in ("data.json", "__pycache__/a.py", ".hidden/a.py", "node_modules/a.py", "var/a.py"):
        write(tmp_path / name)
    write(tmp_path / "venv" / "pyvenv.cfg")
    write(tmp_path / "venv" / "lib" / "a.py")
    assert [] == watch.changed()


def test_a_folder_inside_another_is_looked_at_once(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    assert [tmp_path] == outermost([inner, tmp_path, inner])


def test_installed_packages_are_no_project():
    assert is_installed(Path(json.__file__).parent)
    assert not any(is_installed(folder) for folder in project_folders())
    assert any(Path(pool.__file__).is_relative_to(folder) for folder in project_folders())
