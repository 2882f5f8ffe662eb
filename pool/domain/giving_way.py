"""How long a node leaves SQLite's one write lock to others between two turns. Pure.

Whoever finds the lock taken sleeps for a millisecond, then for longer: a node that has a turn for each job slows down
those who bring them. Where it meets others at the lock it rests ever longer after a turn, and takes in one what came
meanwhile; alone at it, it is soon back to none.
"""

FIRST_REST_S, LONGEST_REST_S = 0.001, 0.01
SHRINKS = 0.75
"""What is left of a rest after a turn that met nobody."""


def rest_after(rest_s: float, *, met_others: bool) -> float:
    """The rest after this turn, when it was so long after the last one."""
    if met_others:
        return min(max(rest_s * 2, FIRST_REST_S), LONGEST_REST_S)
    shorter = rest_s * SHRINKS
    return shorter if shorter >= FIRST_REST_S else 0.0
