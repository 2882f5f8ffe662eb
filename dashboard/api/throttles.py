"""How often a caller may submit jobs: counted apart for each token, and for each user without one."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from dashboard.rates import SUBMISSIONS


class SubmissionThrottle(BaseThrottle):
    """Holds back POST alone; a batch counts as one."""

    wait_s: int | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.method == "POST":
            token = view.grant.token
            self.wait_s = SUBMISSIONS.take(f"token {token.pk}" if token else f"user {view.grant.user.pk}")
        return self.wait_s is None

    def wait(self) -> float | None:
        return self.wait_s
