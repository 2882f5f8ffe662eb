"""Django admin where the dashboard is installed: the pool's tables, with the verbs of an operator as actions.

The tables themselves are registered by `pool.admin`, which changes nothing. Here jobs and queues get their actions, by
the same rights and with the same audit as on the pages, and weights and limits can be set.
"""

from dashboard.admin.jobs import SteeredJobAdmin
from dashboard.admin.limits import RefilledKeyRateAdmin, TunedTenantAdmin
from dashboard.admin.queues import SteeredQueueAdmin

__all__ = ["RefilledKeyRateAdmin", "SteeredJobAdmin", "SteeredQueueAdmin", "TunedTenantAdmin"]
