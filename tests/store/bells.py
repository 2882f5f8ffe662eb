"""Bells as nodes have them: sockets that hear what enqueuing processes ring."""

import socket


def make_bell(run_dir, name):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.bind(str(run_dir / name))
    return sock


def rings(sock):
    heard = []
    while True:
        try:
            heard.append(sock.recv(64))
        except BlockingIOError:
            return heard
