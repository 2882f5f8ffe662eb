"""`pool token USER`: a bearer token for the API, with all that the user's rights allow. It is shown this once."""

from argparse import Namespace
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from pool.management.arguments import whole_number
from pool.management.command import Error, did_you_mean
from pool.management.output import Output
from pool.store.tokens import SCOPES, create_token

HELP = "Make a bearer token for the API with all scopes that the user's rights allow."
PRINTS_FACTS = True

MOST_DAYS = 36_500
MOST_NAMES = 1000
"""Users among which a similar name is looked for."""


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("user", metavar="USER", help="name of the user")
    parser.add_argument("--name", default="", help="what the token is for")
    days = whole_number(1, MOST_DAYS)
    parser.add_argument("--days", type=days, metavar="N", help="it expires after N days (default: never)")
    scopes = f"only this one of {', '.join(SCOPES)}; may be repeated"
    parser.add_argument("--scope", action="append", metavar="SCOPE", help=scopes)


def run(options: Namespace, out: Output) -> None:
    ttl = None if options.days is None else timedelta(days=options.days)
    row, text = create_token(find_user(options.user), options.name, options.scope, ttl)
    expires = row.expiry.isoformat() if row.expiry else None
    if out.as_json:
        out.facts({"token": text, "user": options.user, "scopes": row.scopes, "expires": expires})
        return
    # The token alone on stdout, for a shell to catch.
    out.say(text)
    until = f"until {expires}" if expires else "until it is deleted"
    out.warn(f"It may {', '.join(row.scopes)}, {until}. Keep it: it is shown only now.")


def find_user(name: str) -> Any:
    model = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist:
        names = [str(one) for one in model._default_manager.values_list(model.USERNAME_FIELD, flat=True)[:MOST_NAMES]]
        raise Error(f"There is no user {name[:150]!r}.{did_you_mean(name, names)}") from None
