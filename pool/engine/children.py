"""The node's two helpers, the nursery and the clerk, as the node sees them: start, hear, notice their end.

Each is a fresh Python process, because the node holds a database connection. Only the very first ones, made before
that, may be forks of it, which need not load Django once more.
"""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn, Protocol, Self

import msgspec

BOOT = "import json,sys; sys.path[:]=json.loads(sys.argv.pop(1)); {setup}from {module} import main; main(sys.argv[1:])"
"""The child gets the node's own import path: how the node was started does not matter then."""

CLERK_NICE = 5
"""By so many steps of nice it stands behind jobs, also while it loads."""

SETUP = f"import os; os.nice({CLERK_NICE}); import django; django.setup(); "
"""For the clerk, which uses models. The nursery does this itself, because it must tell when it fails."""

PACKET_BYTES = 262_144


class Closes(Protocol):
    def close(self) -> None: ...


class Helper:
    """One helper process on a packet socket. Its end shows as a readable `pidfd`."""

    def __init__(self, sock: socket.socket, pid: int, receives: Any) -> None:
        sock.setblocking(False)
        self.is_silent = False
        """Nothing more will come: its end is on the way."""
        self.sock, self.pid = sock, pid
        try:
            self.pidfd = os.pidfd_open(pid)
        except OSError:
            sock.close()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self._decode = msgspec.msgpack.Decoder(receives).decode

    @classmethod
    def start(
        cls,
        module: str,
        receives: Any,
        arguments: Sequence[str] = (),
        *,
        setup: bool = False,
        mark: Mapping[str, str] | None = None,
    ) -> Self:
        """A fresh Python process, in which `main` of the module is called."""
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
        # The node reaps all its children by waitid; Popen must not report this one as still running.
        process.returncode = 0
        return cls(ours, process.pid, receives)

    @classmethod
    def fork(
        cls,
        main: Callable[[list[str]], None],
        receives: Any,
        arguments: Sequence[str] = (),
        *,
        mark: Mapping[str, str] | None = None,
        keeps_not: Sequence[Closes] = (),
    ) -> Self:
        """A copy of this process, which must have a single thread and no connection. It lets go of `keeps_not`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            # What is not written yet would be written by both.
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            become = partial(_become_helper, mark or {}, (ours, *keeps_not))
            _live(become, main, [str(theirs.detach()), str(parent), *arguments])
        theirs.close()
        return cls(ours, pid, receives)

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


def _become_helper(mark: Mapping[str, str], keeps_not: Sequence[Closes]) -> None:
    """What a fresh process has by itself: a group of its own, no input, nobody's signals, none of these files."""
    os.setpgid(0, 0)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for one in keeps_not:
        one.close()
    os.environ.update(mark)


def _live(become: Callable[[], None], main: Callable[[list[str]], None], arguments: list[str]) -> NoReturn:
    """The whole life of a fork: it never comes back into what its parent was doing, nor ends as its parent does."""
    code = 1
    try:
        become()
        main(arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  whatever it was, the fork ends here
        traceback.print_exc()
    finally:
        logging.shutdown()
        os._exit(code)
