"""The node's two helpers, the nursery and the clerk, as the node sees them: start, hear, notice their end.

Each is a fresh Python process, never a fork of the node, which holds a database connection.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

BOOT = "import json,sys; sys.path[:]=json.loads(sys.argv.pop(1)); {setup}from {module} import main; main(sys.argv[1:])"
"""The child gets the node's own import path: how the node was started does not matter then."""

SETUP = "import django; django.setup(); "
"""For a helper that uses models. The nursery does this itself, because it must tell when it fails."""

PACKET_BYTES = 262_144


class Helper:
    """One helper process on a packet socket. Its end shows as a readable `pidfd`."""

    def __init__(
        self,
        module: str,
        receives: Any,
        arguments: Sequence[str] = (),
        *,
        setup: bool = False,
        mark: Mapping[str, str] | None = None,
    ) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        boot = [sys.executable, "-c", BOOT.format(module=module, setup=SETUP if setup else ""), json.dumps(sys.path)]
        with theirs:
            process = subprocess.Popen(
                [*boot, str(theirs.fileno()), str(os.getpid()), *arguments],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **(mark or {})},
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        ours.setblocking(False)
        self.is_silent = False
        """Nothing more will come: its end is on the way."""
        self.sock, self.pid = ours, process.pid
        try:
            self.pidfd = os.pidfd_open(process.pid)
        except OSError:
            ours.close()
            process.kill()
            process.wait()
            raise
        # The node reaps all its children by waitid; Popen must not report this one as still running.
        process.returncode = 0
        self._decode = msgspec.msgpack.Decoder(receives).decode

    def send(self, message: msgspec.Struct, descriptors: tuple[int, ...] = ()) -> bool:
        """Send one packet; False when the helper is gone or does not listen."""
        try:
            socket.send_fds(self.sock, [msgspec.msgpack.encode(message)], descriptors)
        except OSError:
            return False
        return True

    def post(self, packet: bytes) -> bool:
        """Send a packet that is encoded already; False when there is no room for it, or nobody any more."""
        try:
            self.sock.send(packet)
        except OSError:
            return False
        return True

    def finish(self, limit_s: float) -> None:
        """Nothing more will come: let it end by itself what it has begun, for so long."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        select.select([self.pidfd], [], [], limit_s)

    def read(self) -> list[Any]:
        """Every packet that is there."""
        messages = []
        try:
            while packet := self.sock.recv(PACKET_BYTES):
                messages.append(self._decode(packet))
            self.is_silent = True
        except BlockingIOError:
            pass
        except (OSError, msgspec.MsgspecError):
            self.is_silent = True
        return messages

    def end(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        self.sock.close()
        os.close(self.pidfd)
