"""Run the web process alone: `python -m tests.acceptance.run_web PORT`, with the site in the environment."""

import os
import socket
import sys

from pool.engine import web


def main() -> None:
    sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    os.set_inheritable(sock.fileno(), True)
    web.main([str(os.getppid()), str(sock.fileno()), "127.0.0.1"])


if __name__ == "__main__":
    main()
