"""Ids sort as they were made, whoever made them, and are read in any spelling."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.ids import new_id, parse_id, spelled


def test_ids_are_uuids_of_version_7():
    made = new_id()
    assert type(made) is uuid.UUID
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_ids_sort_as_they_were_made():
    made = [new_id() for _ in range(5000)]
    assert sorted(made) == made
    assert sorted(id.hex for id in made) == [id.hex for id in made]


def test_ids_of_many_threads_are_all_different():
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: new_id(), range(4000)))
    assert len(set(made)) == 4000


@given(st.uuids())
def test_an_id_is_read_in_any_spelling(id):
    for text in (str(id), id.hex, str(id).upper(), f"{{{id}}}", id.urn):
        assert parse_id(text) == id


@pytest.mark.parametrize("text", ["", "7", "None", "0" * 31, "0" * 33, "g" * 32, "a\x00b", "\ud800", "../../etc"])
def test_what_is_no_id_is_none(text):
    assert parse_id(text) is None


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_no_text_breaks_the_reader(text):
    assert parse_id(text) is None or isinstance(parse_id(text), uuid.UUID)


def test_ids_are_spelled_with_hyphens():
    made = new_id()
    assert str(made) == spelled(made.hex) == spelled(str(made))
    assert spelled("") == ""
