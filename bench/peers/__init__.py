"""Chaos for others too: the same jobs and the same kills against other queues, counted in the same ledger."""
