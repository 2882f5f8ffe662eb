"""What browsers are told about the site's pages: one strict policy, for Django's own middleware and for django-csp.

Nothing inline and nothing from elsewhere, with two exceptions: images may be written into style sheets (Django admin's
are), and one inline style of Django admin's change list is allowed by its hash. A page that needs more says so itself.
"""

from typing import Any

import django

ADMIN_CHANGE_LIST_STYLE = "'sha256-blvLUW3UscWqsXGByNOqdBboM+ShWAuugp2mC/wbafU='"

POLICY: dict[str, Any] = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'", ADMIN_CHANGE_LIST_STYLE],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "manifest-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}

HAS_OWN_CSP = django.VERSION >= (6, 0)
CSP_MIDDLEWARE = (
    "django.middleware.csp.ContentSecurityPolicyMiddleware" if HAS_OWN_CSP else "csp.middleware.CSPMiddleware"
)
