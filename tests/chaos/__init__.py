"""Chaos: random members of the real process tree are killed under load, and nothing is lost, nothing doubled."""
