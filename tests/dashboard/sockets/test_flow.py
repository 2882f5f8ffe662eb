"""How fast a socket may go: one message without an answer, and so many from a page."""

from dashboard.sockets.flow import Credit, Inflow


def test_a_second_message_waits_for_the_answer_to_the_first():
    credit = Credit()
    assert credit.is_there
    credit.spend(7, 0.0)
    assert not credit.is_there
    credit.acknowledge(7)
    assert credit.is_there


def test_an_answer_to_another_message_means_nothing():
    credit = Credit()
    credit.spend(7, 0.0)
    for seq in (0, 6, 8):
        credit.acknowledge(seq)
    assert not credit.is_there


def test_silence_is_counted_from_the_message_on():
    credit = Credit()
    assert 0.0 == credit.silent_s(100.0)
    credit.spend(7, 100.0)
    assert 12.5 == credit.silent_s(112.5)
    credit.acknowledge(7)
    assert 0.0 == credit.silent_s(200.0)


def test_a_flood_is_stopped_and_a_burst_is_not():
    inflow = Inflow.full(0.0, most=5, per_s=2)
    assert [True] * 5 + [False] == [inflow.take(0.0) for _ in range(6)]


def test_leave_comes_back_with_time_up_to_the_most():
    inflow = Inflow.full(0.0, most=5, per_s=2)
    assert all(inflow.take(0.0) for _ in range(5))
    assert [True, False] == [inflow.take(0.5), inflow.take(0.5)]
    assert [True] * 5 + [False] == [inflow.take(100.0) for _ in range(6)]
