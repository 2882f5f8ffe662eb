"""What fails is told at once and then ever more seldom, whether it fails for long or again and again."""

from pool.domain.complaints import CALM_S, LONGEST_PAUSE_S, Complaints

HOUR_S = 3600


def told(times, kind=""):
    complaints = Complaints()
    return [now for now in times if complaints.failed(now, kind)]


def test_a_failure_that_lasts_is_told_ever_more_seldom():
    assert [0, 1, 3, 7, 15, 31, 63, 123] == told(range(124))
    assert len(told(range(HOUR_S))) < HOUR_S / LONGEST_PAUSE_S + 10


def test_one_that_comes_and_goes_is_told_no_more_often():
    complaints, lines = Complaints(), 0
    for now in range(0, HOUR_S, 2):
        lines += complaints.failed(now) + complaints.over()
    assert lines < 2 * (HOUR_S / LONGEST_PAUSE_S + 10)


def test_another_kind_is_news_once():
    complaints = Complaints()
    kinds = [(now, ("locked", "full")[now % 2]) for now in range(20)]
    lines = [kind for now, kind in kinds if complaints.failed(now, kind)]
    assert ["locked", "full"] == lines[:2]
    assert len(lines) < 8


def test_the_end_is_told_when_the_failure_was():
    complaints = Complaints()
    assert not complaints.over()
    assert complaints.failed(0)
    assert complaints.over()
    assert not complaints.over()
    assert not complaints.failed(0.5)
    assert not complaints.over()


def test_after_a_while_without_failures_the_next_is_news():
    complaints = Complaints()
    for now in range(100):
        complaints.failed(now)
    assert not complaints.failed(110)
    assert complaints.failed(111 + CALM_S)
    assert complaints.failed(113 + CALM_S)
