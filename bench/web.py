"""The web process of a bench site, as `serve` starts it: on a socket of the bench, with which it dies."""

import sys

from pool.engine import web

if __name__ == "__main__":
    web.main([*sys.argv[1:3], "127.0.0.1"])
