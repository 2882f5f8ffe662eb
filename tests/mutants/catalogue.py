"""The harmful changes: what is taken away, where it stands in the code, and the test that must fail then.

An anchor stands in its file exactly once; `tests/unit/test_mutants.py` sees to that.
"""

from dataclasses import dataclass

STORE, ENGINE = "tests/store/", "tests/engine/"
TRANSITION = f"{STORE}test_transitions.py::test_a_row_is_what_the_table_says_or_what_it_was"


@dataclass(frozen=True)
class Mutant:
    """`edits` are pairs of texts: what stands there, and what stands there instead."""

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    test: str


def _mutant(name: str, file: str, before: str, after: str, test: str) -> Mutant:
    return Mutant(name, file, ((before, after),), test)


MUTANTS: tuple[Mutant, ...] = (
    # Fences and guards --------------------------------------------------------------
    _mutant(
        "a late success is recorded, on SQLite",
        "pool/store/record.py",
        "WHERE id = ? AND epoch = ? AND status IN",
        "WHERE id = ? AND ? > 0 AND status IN",
        f"{STORE}test_record.py::TestTwice::test_a_late_result_of_a_job_given_out_again_is_rejected[sqlite]",
    ),
    _mutant(
        "a late success is recorded, on PostgreSQL",
        "pool/store/record.py",
        "WHERE j.id = v.id AND j.epoch = v.epoch AND",
        "WHERE j.id = v.id AND",
        f"{STORE}test_record.py::TestTwice::test_a_late_result_of_a_job_given_out_again_is_rejected[postgresql]",
    ),
    _mutant(
        "a late failure is recorded",
        "pool/store/record.py",
        "WHERE id = %s::uuid AND epoch = %s AND status IN",
        "WHERE id = %s::uuid AND %s > 0 AND status IN",
        f"{TRANSITION}[sqlite-fail-RUNNING]",
    ),
    _mutant(
        "an ending is written whatever state the job is in",
        "pool/store/record.py",
        """AND epoch = %s AND status IN ('ASSIGNED', 'RUNNING') AND \"\"\"""",
        """AND epoch = %s AND \"\"\"""",
        f"{TRANSITION}[sqlite-fail-PENDING]",
    ),
    _mutant(
        "a cancelled job is tried again",
        "pool/store/record.py",
        "GUARD.get(status, NOT_CANCELLED)",
        "GUARD.get(status, ANY)",
        f"{TRANSITION}[sqlite-fail-RUNNING]",
    ),
    _mutant(
        "a job is cancelled although nobody asks for it any more",
        "pool/store/record.py",
        "JobStatus.CANCELLED: CANCELLED}",
        "JobStatus.CANCELLED: ANY}",
        f"{TRANSITION}[sqlite-end cancelled-RUNNING]",
    ),
    _mutant(
        "an attempt that began is refunded",
        "pool/store/record.py",
        """+ (UNBEGUN if verdict.refund else "")""",
        "",
        f"{TRANSITION}[sqlite-give back-RUNNING]",
    ),
    _mutant(
        "zero rows are swallowed",
        "pool/store/record.py",
        "return bool(cursor.rowcount)",
        "return True",
        f"{STORE}test_record.py::TestEveryOutcome::test_of_another_claim_changes_nothing[sqlite-running-error]",
    ),
    _mutant(
        "zero rows in a batch are swallowed",
        "pool/store/record.py",
        "if cursor.rowcount != len(rows):",
        "if not rows:",
        f"{STORE}test_record.py::TestBatch::test_with_a_fenced_success_is_done_again_carefully[sqlite]",
    ),
    _mutant(
        "a job begins although it was given back",
        "pool/store/running.py",
        "WHERE id = %s::uuid AND epoch = %s AND status = 'ASSIGNED'",
        "WHERE id = %s::uuid AND epoch = %s AND status <> 'RUNNING'",
        f"{TRANSITION}[sqlite-begin-PENDING]",
    ),
    _mutant(
        "a job that executes is tried again by hand",
        "pool/store/operate.py",
        "RETRYABLE = Q(status__in=(*DEAD_LETTERS, JobStatus.CANCELLED))",
        "RETRYABLE = Q()",
        f"{TRANSITION}[sqlite-retry-RUNNING]",
    ),
    _mutant(
        "a job is pruned before its time",
        "pool/store/prune.py",
        "WHERE id {{among}} AND {OVER}",
        "WHERE id {{among}} AND %s < 'x' AND %s < 'x' AND %s < 'x'",
        f"{TRANSITION}[sqlite-prune-COMPLETED]",
    ),
    # Claims -------------------------------------------------------------------------
    _mutant(
        "attempts are counted late",
        "pool/store/claim.py",
        "epoch = epoch + 1, attempts = attempts + 1, node = ?",
        "epoch = epoch + 1, node = ?",
        f"{TRANSITION}[sqlite-claim-PENDING]",
    ),
    _mutant(
        "a claim keeps its epoch",
        "pool/store/claim.py",
        "epoch = epoch + 1, attempts = attempts + 1, node = %s",
        "attempts = attempts + 1, node = %s",
        f"{TRANSITION}[postgresql-claim-PENDING]",
    ),
    _mutant(
        "claims wait for each other",
        "pool/store/claim.py",
        "LIMIT open.most FOR UPDATE SKIP LOCKED) head",
        "LIMIT open.most FOR UPDATE) head",
        f"{STORE}test_claim.py::TestTwoNodes::test_at_once_get_different_jobs[postgresql]",
    ),
    _mutant(
        "nodes are woken before the commit",
        "pool/store/callers.py",
        "transaction.on_commit(_bell(alias), using=alias)",
        "_bell(alias)()",
        f"{STORE}test_enqueue.py::test_a_rollback_leaves_neither_job_nor_count_nor_ring",
    ),
    Mutant(
        "jobs are sent before their claim is committed",
        "pool/engine/ledger.py",
        (
            ("self.db, self.node, Deltas(), Answer()", "self.db, self.node, Deltas(), Answer(); self.early = answer"),
            (
                "self._failed(error, now)\n            return None",
                "self._failed(error, now)\n            return self.early",
            ),
        ),
        f"{ENGINE}test_ledger.py::test_claim_that_was_not_committed_hands_out_nothing[sqlite]",
    ),
    # Jobs that wait for others ----------------------------------------------------------
    _mutant(
        "an end that its child cannot see is missed",
        "pool/store/dependencies.py",
        """POSTGRES_SHARE = " FOR SHARE SKIP LOCKED\"""",
        """POSTGRES_SHARE = \"\"""",
        f"{STORE}test_dependencies.py::TestAtOnce::test_a_parent_whose_end_is_not_committed_is_not_taken_for_one_that_goes_on[postgresql]",
    ),
    _mutant(
        "children are not told of the end",
        "pool/store/record.py",
        "told = tell(db, (ended.job.id for ended, status in written if status in TERMINAL))",
        "told = 0",
        f"{STORE}test_dependencies.py::TestEnds::test_it_starts_with_the_last_one[sqlite]",
    ),
    _mutant(
        "a child starts with its first parent",
        "pool/domain/unblocking.py",
        "Waits(left) if left > 0 else Starts()",
        "Starts()",
        f"{STORE}test_dependencies.py::TestEnds::test_it_starts_with_the_last_one[sqlite]",
    ),
    _mutant(
        "a batch ends although one of its jobs was taken back",
        "pool/store/operate.py",
        "note_from_outside(alias, [(batch, before, -1)])",
        "pass",
        f"{STORE}test_batches.py::TestAtOnce::test_a_retry_that_was_committed_is_seen_with_the_last_end[postgresql]",
    ),
    _mutant(
        "two jobs hold one key",
        "pool/store/unique.py",
        "for one, holder in free if one.key in holders and not holders[one.key].holds]",
        "for one, holder in free]",
        f"{STORE}test_unique.py::TestTransactions::test_somebody_is_faster_between_two_looks[retried-postgresql]",
    ),
    _mutant(
        "a retried job does not ask for its key",
        "pool/store/operate.py",
        "reclaim_keys(jobs.filter(RETRYABLE), timezone.now()).get(pk)",
        "None",
        f"{STORE}test_unique.py::TestScopes::test_a_job_is_not_retried_while_another_holds_its_key[sqlite]",
    ),
    _mutant(
        "of many parents that end at once some are forgotten",
        "pool/store/dependencies.py",
        "if told == PORTION and len(ids) > 1:",
        "if not PORTION:",
        f"{STORE}test_dependencies.py::TestFollow::test_more_parents_than_a_portion_end_at_once_and_each_has_its_children_started[sqlite-1]",
    ),
    _mutant(
        "a dependent is told once more after it was settled",
        "pool/store/dependencies.py",
        'replace("{hold}", " FOR UPDATE")',
        'replace("{hold}", "")',
        f"{STORE}test_races.py::test_a_dependent_that_two_nodes_tell_is_counted_once[postgresql]",
    ),
    # The node's book ------------------------------------------------------------------
    _mutant(
        "what was not committed is forgotten",
        "pool/engine/ledger.py",
        "self.doubt = self.doubt or self.db.in_doubt",
        "self.doubt, self.pending = self.doubt or self.db.in_doubt, Pending()",
        f"{ENGINE}test_ledger.py::test_ending_is_written_once_whatever_became_of_the_commit[sqlite-before-succeeded]",
    ),
    _mutant(
        "a claim of which nothing is known stays with the node",
        "pool/engine/ledger.py",
        "if self.doubt:",
        "if False:",
        f"{ENGINE}test_ledger.py::test_claim_of_which_nothing_is_known_goes_back_unburnt[sqlite]",
    ),
    _mutant(
        "remembering an earlier claim counts as holding the job",
        "pool/store/rescue.py",
        "if (lease.job.id, lease.job.epoch) not in held",
        "if lease.job.id not in {id for id, _ in held}",
        f"{STORE}test_rescue.py::TestReleaseUnheld::test_remembering_an_earlier_claim_is_not_holding_the_job[sqlite]",
    ),
    _mutant(
        "a cancel that was taken back hits the next claim",
        "pool/engine/dispatch.py",
        "if (job.id, job.epoch) in self.doomed]",
        "if job.id in {id for id, _ in self.doomed}]",
        f"{ENGINE}test_dispatch.py::test_job_claimed_again_after_its_cancel_was_taken_back_is_handed_out",
    ),
    _mutant(
        "ring after ring puts off the look for new queues",
        "pool/engine/agenda.py",
        "if wanted.jobs and self._rung and self._jobs_first:",
        "if wanted.jobs and self._rung:",
        f"{ENGINE}test_agenda.py::test_it_is_not_put_off_for_ever_by_one_ring_after_the_other",
    ),
    _mutant(
        "a node that gives way has its turn all the same",
        "pool/engine/node.py",
        "if now.mono < self.agenda.rests_until:",
        "if now.mono < self.agenda.rests_until and False:",
        f"{ENGINE}test_giving_way.py::test_what_ends_in_a_rest_is_told_after_it",
    ),
    # Deaths ---------------------------------------------------------------------------
    _mutant(
        "a job goes out again before its process group is dead",
        "pool/engine/undertaker.py",
        "(not grave.group or linux.group_is_empty(grave.group))",
        "True",
        f"{ENGINE}test_undertaker.py::test_job_waits_until_its_process_group_is_dead",
    ),
    _mutant(
        "a dead worker's socket is not drained",
        "pool/engine/undertaker.py",
        "self.hearing.facts(handle, handle.main.drain(), now)",
        "handle.main.drain()",
        f"{ENGINE}test_undertaker.py::test_ending_that_was_sent_before_the_death_counts",
    ),
    _mutant(
        "a worker forgets to die with its node",
        "pool/engine/worker.py",
        "linux.die_with(birth.parents[1])",
        "linux.outlive_parent()",
        f"{ENGINE}test_ties.py::test_worker_that_hears_nothing_dies_with_its_node",
    ),
    _mutant(
        "a stranger is killed for the number of its group",
        "pool/engine/remains.py",
        "if group in groups and linux.start_time(group) <= died:",
        "if group in groups:",
        "tests/faults/test_node_identity.py::test_a_stranger_whose_group_has_a_dead_workers_number_is_left_alone",
    ),
    _mutant(
        "a lease ends by the wall clock",
        "pool/engine/kin.py",
        "self._is_lost(other, lease, mono)",
        "self._is_lost(other, lease, wall)",
        f"{ENGINE}test_kin.py::test_jump_of_the_wall_clock_ends_no_lease",
    ),
    _mutant(
        "a lease that was renewed is taken",
        "pool/engine/kin.py",
        "if not nodes.seize(db, other.id, lease):",
        "if nodes.seize(db, other.id, -1):",
        f"{ENGINE}test_kin.py::test_lease_renewed_at_the_last_moment_counts[sqlite]",
    ),
    _mutant(
        "jobs of a dead node go out while something of it still runs",
        "pool/engine/kin.py",
        "if left and mono - since < GROUP_LIMIT_S:",
        "if left and mono - since > GROUP_LIMIT_S:",
        f"{ENGINE}test_kin.py::test_jobs_wait_while_something_of_the_dead_node_still_runs[sqlite]",
    ),
    _mutant(
        "a job that may have begun is given back unburnt",
        "pool/store/rescue.py",
        """lease.status == "RUNNING" or begun is None or""",
        """lease.status == "RUNNING" or begun is not None and""",
        f"{STORE}test_rescue.py::TestLostNode::test_assigned_job_that_may_have_begun_is_lost",
    ),
    _mutant(
        "an attempt of earlier counts as the begin of this one",
        "pool/store/rescue.py",
        "or claim in begun",
        "or claim[0] in {job for job, _ in begun}",
        f"{STORE}test_rescue.py::TestLostNode"
        "::test_assigned_job_that_began_under_an_earlier_claim_goes_back_unburnt[sqlite]",
    ),
    # What is forked, and who gets a seat -----------------------------------------------
    _mutant(
        "the first helpers keep the folder's lock",
        "pool/engine/first_helpers.py",
        "mark=mark, keeps_not=keeps_not",
        "mark=mark, keeps_not=()",
        f"{ENGINE}test_first_helpers.py::test_they_hold_nothing_of_their_node",
    ),
    _mutant(
        "the node is forked with a connection",
        "pool/engine/first_helpers.py",
        "    connections.close_all()\n",
        "",
        f"{ENGINE}test_first_helpers.py::test_they_hold_nothing_of_their_node",
    ),
    _mutant(
        "shorter jobs fill the seat for which a job waits",
        "pool/domain/routing/ahead.py",
        "            left.append(index)\n            heapq.heappop(heap)\n",
        "            left.append(index)\n",
        "tests/unit/test_routing.py::TestRoute::test_a_job_gets_its_seat_however_many_shorter_ones_come_behind_it",
    ),
    # Texts and pages --------------------------------------------------------------------
    _mutant(
        "NUL reaches the database",
        "pool/domain/payload.py",
        """if "\\x00" in text or not text.isascii():""",
        "if not text.isascii():",
        "tests/unit/test_payload.py::test_text_is_cleaned_of_what_no_database_takes",
    ),
    _mutant(
        "an error is shown unescaped",
        "templates/dashboard/job.html",
        """<b>{{ error.type|cut:"builtins." }}</b>""",
        """<b>{{ error.type|safe }}</b>""",
        "tests/dashboard/test_pages.py::test_hostile_texts_are_shown_as_they_are",
    ),
    _mutant(
        "a page from elsewhere opens a socket",
        "dashboard/consumers.py",
        "not origins.is_own(request)",
        "not origins",
        "tests/dashboard/sockets/test_entering.py::test_another_page_does_not",
    ),
)
