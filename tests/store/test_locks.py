"""Rows that a user's open transaction holds: the node writes the others without them."""

import pytest
from django.db import OperationalError

from pool.domain.states import JobStatus as S
from pool.store.locks import is_lock_timeout, locked_by_others
from tests.store.rows import ON_POSTGRES, put

pytestmark = ON_POSTGRES

TOUCH = "UPDATE pool_job SET priority = 1 WHERE id = %s::uuid"


def test_locked_rows_are_told_apart_from_free_and_missing_ones(alias, database, other_database):
    locked, free = str(put(alias, S.RUNNING)), str(put(alias, S.RUNNING))
    gone = "01a20100-0000-7000-8000-000000000000"
    with other_database.transaction():
        other_database.execute(TOUCH, (locked,))
        with database.transaction():
            assert locked_by_others(database, [locked, free, gone]) == {locked}


def test_a_wait_for_a_lock_that_is_given_up_says_so(alias, database, other_database):
    job = str(put(alias, S.RUNNING))
    database.execute("SET lock_timeout = 50")
    with other_database.transaction():
        other_database.execute(TOUCH, (job,))
        with pytest.raises(OperationalError) as caught, database.transaction():
            database.execute(TOUCH, (job,))
    assert is_lock_timeout(caught.value)
