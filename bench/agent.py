"""The one process of a bench site that enqueues and looks: it alone has the site's Django settings.

The bench writes one JSON object a line to its standard input, `{"do": verb, ...}`, and reads one back. So whatever
started the bench (a command of some project, a test) needs no settings of its own, and client and pool share nothing
but the database. The verbs are the functions of `bench.verbs`.
"""

import json
import sys
from collections.abc import Callable
from inspect import getmembers, isfunction
from types import ModuleType
from typing import Any

import django

from pool.engine import linux

Verbs = dict[str, Callable[..., Any]]


def all_verbs() -> Verbs:
    # Here, because they import models, which need Django to be set up.
    from bench.verbs import enqueuing, looking, preparing, waiting

    return verbs_of(enqueuing) | verbs_of(looking) | verbs_of(preparing) | verbs_of(waiting)


def verbs_of(module: ModuleType) -> Verbs:
    own = (found for found in getmembers(module, isfunction) if found[1].__module__ == module.__name__)
    return {name: function for name, function in own if not name.startswith("_")}


def main() -> None:
    django.setup()
    verbs = all_verbs()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"answer": verbs[order.pop("do")](**order)}
        except Exception as error:  # noqa: BLE001  the bench decides what an error means
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    linux.die_with(int(sys.argv[1]))
    main()
