"""Faults of the catalogue in docs/delivery.md that no test of a single part shows: real processes, real databases."""
