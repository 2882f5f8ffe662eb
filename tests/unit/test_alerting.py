"""What becomes of alerts from one look to the next."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pool.domain.alerting import SETTLE_S, Changes, Open, Seen, Told, compare

NOW = 1_000_000.0
HOUR = 3600.0

LATE = Seen("late", "mail", "notice", "The oldest job has waited 11 min.")
KNOWN = Open(1, "late", "mail", "notice", LATE.message, opened_at=NOW)


def look(
    known: list[Open], seen: list[Seen], after_s: float = 0.0, repeat_s: float = HOUR, clear_s: float = 0.0
) -> Changes:
    return compare(known, seen, NOW + after_s, repeat_s, clear_s)


def told(changes: Changes) -> list[Told]:
    return [what for what, _ in changes.told]


def test_what_is_new_opens_in_silence() -> None:
    changes = look([], [LATE])
    assert [LATE] == changes.opened
    assert [] == changes.told


def test_what_lasts_is_told_once() -> None:
    assert [] == told(look([KNOWN], [LATE], SETTLE_S - 1))
    assert [Told.OPENED] == told(look([KNOWN], [LATE], SETTLE_S))
    assert [] == told(look([replace(KNOWN, told_at=NOW + SETTLE_S)], [LATE], SETTLE_S + 1))


def test_what_goes_on_for_long_is_told_again_unless_nobody_wants_that() -> None:
    old = replace(KNOWN, told_at=NOW)
    assert [Told.LASTS] == told(look([old], [LATE], HOUR))
    assert [] == told(look([old], [LATE], 100 * HOUR, repeat_s=0))


def test_the_end_is_told_to_those_who_know_of_the_beginning() -> None:
    changes = look([KNOWN, replace(KNOWN, id=2, subject="other", told_at=NOW)], [])
    assert [1, 2] == [alert.id for alert in changes.resolved]
    assert [(Told.RESOLVED, 2)] == [(what, alert.id) for what, alert in changes.told]


def test_an_end_that_could_not_be_told_is_told_later_and_resolved_once() -> None:
    ended = replace(KNOWN, told_at=NOW, resolved_at=NOW + 5)
    changes = look([ended], [], 60)
    assert [] == changes.resolved
    assert [Told.RESOLVED] == told(changes)


def test_the_same_trouble_again_is_another_alert() -> None:
    ended = replace(KNOWN, told_at=NOW, resolved_at=NOW + 5)
    assert [LATE] == look([ended], [LATE], 60).opened


def test_other_words_and_levels_are_kept_up_with() -> None:
    worse = replace(LATE, level="warning", message="The oldest job has waited 2 h.")
    assert [(KNOWN, worse)] == look([KNOWN], [worse]).changed
    assert [] == look([KNOWN], [LATE]).changed


def test_what_is_muted_goes_on_in_silence_until_its_time() -> None:
    muted = replace(KNOWN, told_at=NOW, muted_until=NOW + HOUR)
    assert [] == told(look([muted], [LATE], HOUR - 1, repeat_s=60))
    assert [Told.LASTS] == told(look([muted], [LATE], HOUR, repeat_s=60))
    changes = look([muted], [], 60)
    assert [muted] == changes.resolved
    assert [] == changes.told


def test_what_is_not_seen_is_over_only_after_a_time() -> None:
    told_of = replace(KNOWN, told_at=NOW)
    changes = look([told_of], [], 5, clear_s=60)
    assert ([told_of], [], []) == (changes.cleared, changes.resolved, changes.told)
    clear = replace(told_of, clear_since=NOW + 5)
    changes = look([clear], [], 64, clear_s=60)
    assert ([], [], []) == (changes.cleared, changes.resolved, changes.told)
    changes = look([clear], [], 65, clear_s=60)
    assert ([clear], [Told.RESOLVED]) == (changes.resolved, told(changes))


def test_what_comes_back_before_is_the_same_alert_and_told_of_as_before() -> None:
    clear = replace(KNOWN, told_at=NOW, clear_since=NOW + 5)
    changes = look([clear], [LATE], 60, clear_s=60)
    assert ([], [clear], [], []) == (changes.opened, changes.back, changes.resolved, changes.told)
    assert [] == told(look([clear], [], 2 * HOUR, clear_s=3 * HOUR)), "it does not last"
    assert [Told.LASTS] == told(look([clear], [LATE], 2 * HOUR, clear_s=3 * HOUR))


def test_a_clock_that_was_set_back_keeps_no_alert_open() -> None:
    ahead = replace(KNOWN, clear_since=NOW + HOUR)
    assert [ahead] == look([ahead], [], clear_s=60).cleared


def test_two_subjects_of_one_name_are_two_alerts() -> None:
    other = replace(LATE, subject="images")
    assert [other] == look([KNOWN], [LATE, other]).opened


names = st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))
alerts = st.builds(
    Open,
    id=st.integers(1, 99),
    name=st.sampled_from("abc"),
    subject=st.sampled_from("xyz"),
    level=st.sampled_from(("notice", "warning")),
    message=st.sampled_from(("one", "two")),
    opened_at=st.floats(0, 1e6),
    told_at=st.one_of(st.none(), st.floats(0, 1e6)),
    resolved_at=st.one_of(st.none(), st.floats(0, 1e6)),
    muted_until=st.one_of(st.none(), st.floats(0, 2e6)),
    clear_since=st.one_of(st.none(), st.floats(0, 2e6)),
)
sights = st.builds(
    Seen, st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from(("notice", "warning")), st.just("one")
)


def _is_over(alert: Open, clear_s: float) -> bool:
    since = NOW if alert.clear_since is None or alert.clear_since > NOW else alert.clear_since
    return NOW - since >= clear_s


known_alerts = st.lists(alerts, max_size=8, unique_by=lambda one: (one.key, one.resolved_at))


@given(known_alerts, st.lists(sights, max_size=8), st.floats(0, 2e6))
def test_every_sight_is_open_afterwards_and_what_was_not_clear_for_long(
    known: list[Open], seen: list[Seen], clear_s: float
) -> None:
    changes = compare(known, seen, NOW, HOUR, clear_s)
    before = {one.key for one in known if one.resolved_at is None}
    after = (before - {one.key for one in changes.resolved}) | {one.key for one in changes.opened}
    lingers = {one.key for one in known if one.resolved_at is None and not _is_over(one, clear_s)}
    assert after == {one.key for one in seen} | lingers
    assert not any(alert.is_muted(NOW) for _, alert in changes.told)


EVERY_S = 5.0


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 6))
def test_what_comes_and_goes_is_one_alert_told_once(sights: list[bool], clear_looks: int) -> None:
    """Looks at one trouble, as a clerk does them: two of its spells are one alert where few looks part them."""
    known: list[Open] = []
    said: list[Told] = []
    opened = 0
    for place, is_there in enumerate([*sights, *[False] * (clear_looks + 1)]):
        now = NOW + place * EVERY_S
        changes = compare(known, [LATE] if is_there else [], now, 0.0, clear_looks * EVERY_S)
        said += [what for what, _ in changes.told]
        heard = {alert.id for what, alert in changes.told if what is Told.OPENED}
        opened += len(changes.opened)
        known = [_kept(alert, changes, now, heard) for alert in known if alert not in changes.resolved]
        known += [replace(KNOWN, id=opened, opened_at=now) for _ in changes.opened]
    assert (_spells(sights, clear_looks), []) == (opened, known)
    assert said == [Told.OPENED, Told.RESOLVED] * (len(said) // 2), "each is told once, and its end then"
    assert len(said) <= 2 * opened


def _kept(alert: Open, changes: Changes, now: float, heard: set[int]) -> Open:
    if alert in changes.cleared:
        return replace(alert, clear_since=now)
    return replace(alert, clear_since=None if alert in changes.back else alert.clear_since,
                   told_at=now if alert.id in heard else alert.told_at)  # fmt: skip


def _spells(sights: list[bool], clear_looks: int) -> int:
    """Runs of sights with more than so many looks without between them."""
    there = [place for place, is_there in enumerate(sights) if is_there]
    parted = sum(later - earlier - 1 > clear_looks for earlier, later in pairwise(there))
    return (1 + parted) if there else 0
