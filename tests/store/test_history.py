"""Rows of the past, as text, in order and within their time."""

from datetime import UTC, datetime, timedelta

import pytest

from pool.conf import database_alias
from pool.models import PoolSnapshot
from pool.store.history import MINUTE, SECOND, newest, past

pytestmark = pytest.mark.usefixtures("alias")

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_row(seconds: int, span: int = SECOND, node: str = "n1") -> None:
    data = {"second": seconds, "größe": None}
    PoolSnapshot.objects.using(database_alias()).create(
        at=NOON + timedelta(seconds=seconds), span=span, node=node, data=data, histograms={"q": {}}
    )


def test_spans_after_one_moment_and_up_to_the_other_come_oldest_first() -> None:
    for seconds in (3, 1, 0, 2, 4):
        a_row(seconds)
    a_row(2, MINUTE, "")
    found = list(past(database_alias(), SECOND, NOON, NOON + timedelta(seconds=3)))
    assert [1, 2, 3] == [(row.at - NOON).seconds for row in found]
    assert '"second"' in found[0].data
    assert "q" in found[0].histograms


def test_histograms_are_left_out_on_demand() -> None:
    a_row(1)
    (row,) = past(database_alias(), SECOND, NOON, NOON + timedelta(minutes=1), histograms=False)
    assert "{}" == row.histograms


def test_newest_of_each_length_is_known() -> None:
    assert newest(database_alias(), MINUTE, NOON) is None
    a_row(60, MINUTE, "")
    a_row(120, MINUTE, "")
    a_row(500)
    for until, found in ((119, 60), (120, 120), (900, 120)):
        assert NOON + timedelta(seconds=found) == newest(database_alias(), MINUTE, NOON + timedelta(seconds=until))
