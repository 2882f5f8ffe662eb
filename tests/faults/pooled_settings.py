"""The site's settings with a pool of connections, as Django has them for psycopg."""

from poolsite.settings import *  # noqa: F403
from poolsite.settings import DATABASES

DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = True
