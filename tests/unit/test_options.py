"""The options of a job: what is accepted, in which one form it is kept, and what the refusal says."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.errors import InvalidOption
from pool.domain.options import UNSET, JobOptions, TaskKind, check_kind, read_priority
from pool.domain.retry import Backoff, read_backoff

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def refusal(**options):
    with pytest.raises(InvalidOption) as caught:
        JobOptions(**options)
    return str(caught.value)


def test_defaults_leave_all_to_the_settings():
    options = JobOptions()
    assert (0, "default", UNSET, None) == (options.priority, options.queue, options.timeout, options.max_attempts)
    assert (None, None, None, None) == (
        options.backoff_json,
        options.requires_json,
        options.metadata_json,
        options.tags_json,
    )


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [(-100, -100), (100, 100), (5.0, 5), ("low", -50), ("normal", 0), ("high", 50), ("CRITICAL", 100)],
)
def test_a_priority_is_a_number_or_one_of_four_names(given_value, kept):
    assert kept == JobOptions(priority=given_value).priority


@pytest.mark.parametrize("value", [101, -101, 2**63, 1.5, math.nan, math.inf, True, "urgent", "5", None, [], b"low"])
def test_any_other_priority_is_refused(value):
    assert refusal(priority=value).startswith("priority must be a whole number between -100 and 100.")


@given(st.integers(-100, 100))
def test_every_priority_in_range_is_kept(value):
    assert value == read_priority(value)


def test_no_timeout_is_not_the_same_as_none_given():
    assert JobOptions(timeout=None).timeout is None
    assert JobOptions().timeout is UNSET
    assert 1.0 == JobOptions(timeout=1).timeout


@pytest.mark.parametrize("value", [0, -1, 1e308, math.nan, math.inf, True, "30", [], 10**400])
def test_an_impossible_timeout_is_refused(value):
    assert refusal(timeout=value).startswith("timeout must be a number of seconds above 0")


@pytest.mark.parametrize("value", [0, -1, 101, 4.0, "4", True, 2**63])
def test_an_impossible_number_of_attempts_is_refused(value):
    assert "max_attempts must be a whole number from 1 to 100." == refusal(max_attempts=value)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (5, "5.0"),
        (0, "0.0"),
        ({"base": 2, "factor": 3, "cap": 60, "jitter": 0.5}, '{"base":2.0,"factor":3.0,"cap":60.0,"jitter":0.5}'),
        ({}, "{}"),
    ],
)
def test_a_backoff_is_stored_as_the_retry_policy_reads_it(value, stored):
    assert stored == JobOptions(backoff=value).backoff_json
    assert isinstance(read_backoff(stored, Backoff()), Backoff)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (-1, "backoff must be a number of seconds from 0 to 86400, or a dict of base, factor, cap, jitter."),
        ("1", "backoff must be a number of seconds from 0 to 86400, or a dict of base, factor, cap, jitter."),
        ({"bass": 1}, "backoff knows base, factor, cap, jitter, not 'bass'."),
        ({"factor": 0.5}, "backoff['factor'] must be a number from 1 to 100."),
        ({"jitter": None}, "backoff['jitter'] must be a number from 0 to 1."),
    ],
)
def test_a_wrong_backoff_is_named(value, sentence):
    assert sentence == refusal(backoff=value)


@pytest.mark.parametrize("option", ["run_after", "expires_at"])
@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("tomorrow", "{} must be a datetime."),
        (datetime(2026, 1, 1), "{} must be an aware datetime. Give it a time zone, for example tzinfo=UTC."),
        (datetime(1969, 12, 31, tzinfo=UTC), "{} must be in a year from 1970 to 9998."),
        (datetime(9999, 1, 1, tzinfo=UTC), "{} must be in a year from 1970 to 9998."),
    ],
)
def test_a_naive_or_absurd_time_is_refused(option, value, sentence):
    assert sentence.format(option) == refusal(**{option: value})


def test_the_edges_of_time_survive_the_way_to_utc():
    for offset in (-23, 23):
        zone = timezone(timedelta(hours=offset))
        for moment in (datetime(1970, 1, 1, tzinfo=zone), datetime(9998, 12, 31, 23, 59, tzinfo=zone)):
            kept = JobOptions(run_after=moment).run_after
            assert kept is not None
            assert moment == kept.astimezone(UTC)


@pytest.mark.parametrize("option", ["queue", "tenant", "affinity"])
@pytest.mark.parametrize("value", ["x" * 101, "a\x00", "a\nb", "\u202eabc", "\ud800", " a", 5, [], b"a"])
def test_a_name_that_cannot_be_shown_is_refused(option, value):
    assert refusal(**{option: value}).startswith("queue_name must" if option == "queue" else f"{option} must")


def test_tenant_and_affinity_may_be_left_empty_and_a_queue_may_not():
    assert ("", "") == (JobOptions(tenant=None).tenant, JobOptions(affinity="").affinity)
    assert "queue_name must be a text of 1 to 100 characters." == refusal(queue="")


def test_lists_of_names_are_stored_as_json():
    options = JobOptions(tags=("a", "é"), requires=["gpu"])
    assert ('["a","é"]', '["gpu"]') == (options.tags_json, options.requires_json)
    assert JobOptions(tags=[], requires=None).tags_json is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tags": "abc"}, "tags must be a list of up to 20 texts."),
        ({"tags": ["a"] * 21}, "tags must be a list of up to 20 texts."),
        ({"tags": {"a"}}, "tags must be a list of up to 20 texts."),
        ({"tags": ["a", "x" * 51]}, "tags[1] must be a text of 1 to 50 characters."),
        ({"requires": [1]}, "requires[0] must be a text of 1 to 100 characters."),
    ],
)
def test_a_wrong_list_of_names_is_named(options, sentence):
    assert sentence == refusal(**options)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([1], "metadata must be a dict of JSON values."),
        ({"a": {1, 2}}, "metadata['a'] is not JSON: it is of the type set."),
        ({"a": math.nan}, "metadata['a'] is nan, which is not JSON."),
        ({"a": "x" * 70_000}, "metadata is too large: 70,008 bytes of JSON, 65,536 are allowed."),
    ],
)
def test_metadata_must_be_a_json_object(value, sentence):
    assert sentence == refusal(metadata=value)


def test_what_was_checked_is_what_is_stored_even_if_the_dict_changes_later():
    metadata = {"user": 1}
    options = JobOptions(metadata=metadata)
    metadata["user"] = {2}
    assert '{"user":1}' == options.metadata_json


def test_kinds_of_work_are_eight():
    assert 8 == len(TaskKind)
    assert TaskKind.FILE_IO is check_kind("FILE_IO")
    with pytest.raises(InvalidOption, match=r"^kind must be one of DATA_PROCESSING, "):
        check_kind("file")
