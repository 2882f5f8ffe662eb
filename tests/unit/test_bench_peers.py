"""The counting of what kills did to the jobs of a peer; no peer runs here."""

import json
from random import Random

import pytest

from bench.peers import counts
from bench.peers.counts import Outcomes, Unsettled, count, longest_silence_s, unsettled
from bench.peers.inside import jobs
from bench.peers.report import LINES, PeerReport, table
from tests.chaos.books import Submitted
from tests.chaos.ledger import BEGIN, CUT, END, Record


def story(key, *whats, overlaps=False):
    return [Record(what, key, 1, 7, at, overlaps) for at, what in enumerate(whats)]


def counted(kind, records, outcomes, key="a"):
    found = counts.as_dict(count({key: Submitted(kind, job=key)}, records, outcomes))
    return {name: value for name, value in found.items() if value and name not in ("examples", "acknowledged")}


SUCCEEDED, FAILED = Outcomes({"a": "succeeded"}), Outcomes({"a": "failed"})
HELD = Outcomes(waiting=frozenset({"a"}))


@pytest.mark.parametrize(
    ("whats", "outcomes", "expected"),
    [
        ((BEGIN, END), SUCCEEDED, {"completed": 1, "attempts": 1}),
        ((BEGIN, BEGIN, CUT, BEGIN, END), SUCCEEDED, {"completed": 1, "attempts": 3, "again": 2}),
        ((), Outcomes(), {"lost": 1}),
        ((BEGIN,), Outcomes(), {"lost": 1, "attempts": 1}),
        ((BEGIN, CUT), FAILED, {"given_up": 1, "attempts": 1}),
        ((BEGIN, END), Outcomes(), {"unrecorded": 1, "attempts": 1}),
        ((BEGIN,), HELD, {"stuck": 1, "attempts": 1}),
        ((BEGIN, END), HELD, {"stuck": 1, "stuck_done": 1, "attempts": 1}),
        ((BEGIN, END, BEGIN), SUCCEEDED, {"completed": 1, "attempts": 2, "again": 1, "needless": 1}),
        ((BEGIN, END, BEGIN, END), SUCCEEDED, {"completed": 1, "attempts": 2, "again": 1, "needless": 1, "twice": 1}),
    ],
)
def test_a_good_job_is_counted_by_what_it_wrote_and_what_its_queue_says(whats, outcomes, expected):
    assert expected == counted("instant", story("a", *whats), outcomes)


@pytest.mark.parametrize(
    ("whats", "outcomes", "expected"),
    [
        ((BEGIN,) * 3, FAILED, {"poison_ended": 1, "poison_attempts": 3}),
        ((BEGIN,) * 5, HELD, {"poison_looping": 1, "poison_attempts": 5}),
        ((BEGIN,) * 5, Outcomes(), {"poison_looping": 1, "poison_attempts": 5}),
    ],
)
def test_a_poison_job_ends_or_goes_on(whats, outcomes, expected):
    found = counted("poison", story("a", *whats), outcomes)
    assert {"poison": 1, "attempts": len(whats), "again": len(whats) - 1, **expected} == found


def test_an_attempt_beside_another_is_an_overlap():
    records = [*story("a", BEGIN), Record(BEGIN, "a", 2, 8, 1, True), Record(END, "a", 2, 8, 2, False)]
    expected = {"completed": 1, "attempts": 2, "again": 1, "overlaps": 1}
    assert expected == counted("instant", records, SUCCEEDED)


def test_a_job_that_nobody_acknowledged_is_not_lost_but_its_attempts_count():
    found = count({"a": Submitted("instant"), "b": Submitted("instant", job="b")}, story("a", BEGIN, END), Outcomes())
    assert (1, 1, 1, 1) == (found.acknowledged, found.unacknowledged, found.lost, found.attempts)
    assert {"lost": ["b"]} == found.examples


def test_what_the_queue_holds_is_told_from_what_it_does_not_know():
    submitted = {key: Submitted("poison" if key == "p" else "brief", job=key) for key in ("a", "b", "c", "p")}
    assert Unsettled(1, 2, 1) == unsettled(submitted, HELD)
    assert Unsettled(0, 2, 1) == unsettled(submitted, SUCCEEDED)
    assert Unsettled(1, 2, 1) == unsettled(submitted, Outcomes({"a": "succeeded"}, frozenset({"a"})))


def test_the_longest_silence_may_be_at_an_end():
    records = [Record(BEGIN, "a", 1, 7, at * counts.SECOND_NS, False) for at in (3, 4, 11, 99)]
    assert 7.0 == longest_silence_s(records, 0, 12 * counts.SECOND_NS)
    assert 9.0 == longest_silence_s(records, 0, 20 * counts.SECOND_NS)
    assert 5.0 == longest_silence_s([], 0, 5 * counts.SECOND_NS)


def test_the_same_seed_gives_every_peer_the_same_jobs():
    first, again = ([jobs.choose(random) for _ in range(5000)] for random in (Random("3"), Random("3")))
    assert first == again
    assert {kind.name for kind in jobs.KINDS} == {name for name, _ in first}
    assert jobs.POISON not in {jobs.choose(Random(seed), poison=False)[0] for seed in range(3000)}
    assert all(callable(getattr(jobs, kind.name)) for kind in jobs.KINDS)


def test_the_table_has_a_column_for_each_peer_and_its_runs_side_by_side():
    deeds = {("worker", "kill"): 1234, ("node", "term"): 2}
    reports = [
        PeerReport("one", "at least once", {}, {"one": "1.2"}, 60, 1, 100, deeds=deeds),
        PeerReport("other", "at most once", {}, {}, 60, 1, 100),
        PeerReport("other", "at most once", {}, {}, 60, 2, 100, orphans=7),
    ]
    lines = table(reports).splitlines()
    assert ["|  | one 1.2 | other |", "| --- | ---: | ---: |"] == lines[:2]
    assert "| SIGKILL to a worker | 1,234 | – |" in lines
    assert "| **orphans**: processes alive 2 s after their main process was gone | 0 | 0 / 7 |" in lines
    assert all(any(title in line for line in lines) for title in LINES)
    assert {"kill worker": 1234, "term node": 2} == json.loads(json.dumps(reports[0].as_dict()))["deeds"]
