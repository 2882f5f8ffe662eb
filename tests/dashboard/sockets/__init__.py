"""The sockets of the live view: their parts alone, and a real daphne with real clients."""
