"""Changes of counters are gathered over a turn and written once for each queue."""

from pool.models import Tally
from pool.store import tally
from pool.store.deltas import Deltas
from tests.store.rows import NODE


def write(database, deltas):
    with database.transaction():
        deltas.write(database, NODE)


def counters(alias):
    return {
        queue: {name: count for name, count in counted.items() if count} for queue, counted in tally.sums(alias).items()
    }


def test_changes_add_up_before_they_are_written(alias, database):
    deltas = Deltas()
    for _ in range(3):
        deltas.add("a", pending=-1, executing=1)
    deltas.add("a", executing=-1, completed=1)
    deltas.add("b", failed=1, dead=1)
    assert counters(alias) == {}
    write(database, deltas)
    assert counters(alias) == {"a": {"pending": -3, "executing": 2, "completed": 1}, "b": {"failed": 1, "dead": 1}}
    assert Tally.objects.using(alias).count() == 2


def test_what_cancels_out_is_not_written(alias, database):
    deltas = Deltas()
    deltas.add("a", pending=-1, executing=1)
    deltas.add("a", pending=1, executing=-1)
    write(database, deltas)
    assert not Tally.objects.using(alias).exists()


def test_turns_add_to_the_nodes_own_row(alias, database):
    for _ in range(2):
        deltas = Deltas()
        deltas.add("a", completed=2)
        write(database, deltas)
    assert counters(alias) == {"a": {"completed": 4}}
    assert [NODE] == list(Tally.objects.using(alias).values_list("node", flat=True))


def test_a_rolled_back_turn_counted_nothing(alias, database):
    deltas = Deltas()
    deltas.add("a", completed=1)
    database.begin()
    deltas.write(database, NODE)
    database.rollback()
    assert counters(alias) == {}
