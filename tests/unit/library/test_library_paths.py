"""Which files the built-in tasks may touch."""

import errno
import os

import pytest
from django.core import signing

from pool.library import paths
from pool.library.errors import LibraryError, PathRefused


def test_nothing_may_be_read_without_root_or_grant(folder):
    (folder / "a").write_text("x")
    with pytest.raises(PathRefused, match="library_roots"):
        paths.readable_file(str(folder / "a"))


def test_a_grant_opens_its_folder_and_no_other(folder, grant, tmp_path):
    (folder / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    assert folder / "a" == paths.readable_file(str(folder / "a"), grant)
    with pytest.raises(PathRefused, match="may not read"):
        paths.readable_file(str(tmp_path / "b"), grant)


def test_a_folder_whose_name_begins_alike_stays_closed(folder, grant, tmp_path):
    other = tmp_path / "input-secret"
    other.mkdir()
    with pytest.raises(PathRefused):
        paths.readable_folder(str(other), grant)


@pytest.mark.parametrize("forged", ["x", "a:b:c", signing.dumps("/", salt="other")])
def test_a_forged_grant_is_refused(folder, forged):
    with pytest.raises(PathRefused, match="grant is not valid"):
        paths.readable_folder(str(folder), forged)


def test_a_link_that_leads_out_is_refused(folder, grant, tmp_path):
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(PathRefused):
        paths.readable_file(str(folder / "link"), grant)


def test_dots_that_lead_out_are_refused(folder, grant):
    with pytest.raises(PathRefused):
        paths.readable_folder(f"{folder}/../..", grant)


@pytest.mark.parametrize("path", ["relative/file", "", 7, None, "/a\0b", "/" + "x" * 5000])
def test_what_is_no_path_is_refused_with_a_sentence(grant, path):
    with pytest.raises(PathRefused, match=r"\.$"):
        paths.readable_file(path, grant)


def test_a_link_to_itself_is_refused_with_a_sentence(folder, grant):
    (folder / "loop").symlink_to("loop")
    with pytest.raises(LibraryError, match="loop"):
        paths.readable_file(str(folder / "loop"), grant)


def test_a_missing_file_a_folder_and_a_pipe_are_told_apart(folder, grant):
    os.mkfifo(folder / "pipe")
    with pytest.raises(LibraryError, match="There is no file"):
        paths.readable_file(str(folder / "none"), grant)
    with pytest.raises(LibraryError, match="is not a file"):
        paths.readable_file(str(folder), grant)
    with pytest.raises(LibraryError, match="is not a file"):
        paths.readable_file(str(folder / "pipe"), grant)


def test_the_output_folder_may_always_be_read(site):
    target = paths.writable("a/b.txt")
    target.write_text("x")
    assert site / "var" / "library" / "a" / "b.txt" == paths.readable_file(str(target))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", ".", "a\0b", 5])
def test_nothing_is_written_outside_the_output_folder(name):
    with pytest.raises(PathRefused):
        paths.writable(name)


def test_a_link_in_the_output_folder_does_not_lead_out(tmp_path):
    paths.output_folder().mkdir(parents=True)
    (paths.output_folder() / "out").symlink_to(tmp_path)
    with pytest.raises(PathRefused, match="leads out"):
        paths.writable("out/x")


def test_a_file_appears_only_when_it_is_whole():
    target = paths.writable("a")
    target.write_bytes(b"old")
    with paths.replacing(target) as writing:
        writing.write(b"new")
        writing.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else():
    target = paths.writable("a")
    target.write_bytes(b"old")
    with pytest.raises(LibraryError, match="cannot be written: No space left"), paths.replacing(target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert target.read_bytes() == b"old"
    assert [target] == list(target.parent.iterdir())


def test_an_output_is_named_after_its_source(folder):
    out = paths.output_for(folder / "a.txt", "packed", ".zst")
    assert out == paths.output_folder() / f"packed{folder}/a.txt.zst"
    assert paths.output_folder() / f"again/packed{folder}/a.txt.zst" == paths.output_for(out, "again", "")


def test_a_name_that_is_not_text_can_be_shown():
    assert paths.shown(os.fsdecode(b"/a\xff")) == "/a\N{REPLACEMENT CHARACTER}"
