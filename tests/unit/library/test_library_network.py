"""Which hosts built-in tasks may ask. What a request does is tested in an io worker."""

import pytest

from pool.library.errors import RequestRefused
from pool.library.network import require_allowed


@pytest.fixture
def allowed(settings):
    settings.POOL = {"library_hosts": ["api.example.com", "localhost:8000"]}


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/x?y=1",
        "http://API.example.com/",
        "http://localhost:8000/",
        "https://u:p@api.example.com/",
    ],
)
def test_named_hosts_are_allowed(allowed, url):
    require_allowed(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://localhost:8001/",
        "http://api.example.com:8080/",
        "https://api.example.com.evil.org/",
        "https://api.example.com@evil.org/",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "ftp://api.example.com/",
        "//api.example.com/",
        "http://api.example.com:99999/",
        "http://[::1/",
        "",
        None,
        5,
    ],
)
def test_all_others_are_refused(allowed, url):
    with pytest.raises(RequestRefused):
        require_allowed(url)


def test_by_default_none_is_named():
    with pytest.raises(RequestRefused, match="library_hosts"):
        require_allowed("http://localhost/")
