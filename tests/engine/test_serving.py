"""One `serve` for a run folder, and a socket that is there before anything else."""

import os
import socket
from contextlib import closing

import pytest

from pool.domain.errors import NotReady
from pool.engine.listening import address_of, is_loopback, listen
from pool.engine.serving import ServeLock, Serving, find_serve, free_node, hold_node, is_held


def test_a_run_folder_has_one_serve(tmp_path):
    assert find_serve(tmp_path) is None
    lock = ServeLock(tmp_path)
    lock.take()
    lock.sign("http://here/")
    assert Serving(os.getpid(), "http://here/") == find_serve(tmp_path)
    said = rf"Another serve \(pid {os.getpid()}\) uses the run folder"
    with closing(ServeLock(tmp_path)) as other, pytest.raises(NotReady, match=said):
        other.take()
    lock.release()
    assert find_serve(tmp_path) is None


def test_what_a_dead_serve_wrote_counts_for_nothing(tmp_path):
    (tmp_path / "serve.lock").write_text('{"pid": 1, "url": "http://gone/"}')
    assert find_serve(tmp_path) is None
    with closing(ServeLock(tmp_path)) as lock:
        lock.take()


def test_a_node_is_held_until_it_is_freed(tmp_path):
    assert not is_held(tmp_path)
    hold_node(tmp_path)
    hold_node(tmp_path)
    assert is_held(tmp_path)
    free_node(tmp_path)
    free_node(tmp_path)
    assert not is_held(tmp_path)


@pytest.mark.parametrize(
    ("host", "url", "loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:{}/", True),
        ("localhost", "http://localhost:{}/", True),
        ("::1", "http://[::1]:{}/", True),
        ("0.0.0.0", "http://127.0.0.1:{}/", False),
    ],
)
def test_the_address_is_one_that_people_can_open(host, url, loopback):
    with listen(host, 0) as sock:
        assert url.format(sock.getsockname()[1]) == address_of(sock, host)
        assert loopback == is_loopback(sock)


def test_why_nobody_can_listen_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NotReady, match="is in use"):
            listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(NotReady, match="is no address of this machine"):
        listen("192.0.2.1", 8000)
    with pytest.raises(NotReady, match="is not known here"):
        listen("a..b", 8000)
