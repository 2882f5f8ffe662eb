"""Figures of text files."""

import pytest

from pool.library.errors import LibraryError
from pool.library.text import text_statistics


def test_lines_words_and_tokens_are_counted(folder, grant):
    (folder / "a.py").write_text("import os\n\nprint(os, os)  # two\n")
    result = text_statistics.func(str(folder / "a.py"), most_common=1, grant=grant)
    assert tuple(result[key] for key in ("lines", "blank_lines", "words", "distinct_tokens")) == (3, 1, 6, 4)
    assert result["longest_line"] == {"number": 3, "characters": 20}
    assert result["most_common"] == [["os", 3]]


def test_an_empty_file_has_no_longest_line(folder, grant):
    (folder / "a").touch()
    result = text_statistics.func(str(folder / "a"), grant=grant)
    assert (result["lines"], result["longest_line"], result["most_common"]) == (0, None, [])


def test_bytes_that_are_not_text_are_counted(folder, grant):
    (folder / "a").write_bytes(b"caf\xe9\n")
    assert text_statistics.func(str(folder / "a"), grant=grant)["undecodable"] == 1


def test_a_list_longer_than_a_result_should_be_is_refused(folder, grant):
    with pytest.raises(LibraryError, match="most_common"):
        text_statistics.func(str(folder / "a"), most_common=10**6, grant=grant)
