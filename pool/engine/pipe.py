"""Length-prefixed msgspec frames over a stream socket: one end of one conversation.

Used on both sides. The node's ends never block: what the peer does not take now waits in `unsent` and goes out when
the socket is writable again. A worker's ends block. A peer that is gone shows as `Closed`, and half a frame before it
counts as nothing.
"""

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from pool.domain.setting import JOB_FRAME_BYTES

READ_BYTES = 262_144
HEADER = struct.Struct("<I")

M = TypeVar("M")


class Closed(Exception):
    """The other side is gone."""


class BrokenFrame(Exception):
    """The other side sent what is no message."""


class Pipe(Generic[M]):
    """Sends anything of `messages`, receives messages of one union type."""

    def __init__(self, sock: socket.socket, receives: Any, *, blocking: bool) -> None:
        sock.setblocking(blocking)
        self.sock = sock
        self.unsent = bytearray()
        self.when_full: Callable[[Pipe[Any]], None] | None = None
        """Told when a message has to wait because the socket does not take all of it."""
        self._received = bytearray()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(receives).decode

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()

    def send(self, message: msgspec.Struct, halfway: Callable[[], None] | None = None) -> None:
        """Send a message, or what of it the socket takes now. Raises Closed.

        On a blocking socket `halfway` is called when half of it has been sent.
        """
        body = self._encode(message)
        frame = HEADER.pack(len(body)) + body
        if self.unsent:
            self.unsent += frame
            self.flush()
            return
        try:
            if self.sock.gettimeout() is None:
                if halfway is not None:
                    half = len(frame) // 2
                    self.sock.sendall(frame[:half])
                    halfway()
                    frame = frame[half:]
                self.sock.sendall(frame)
                return
            sent = self.sock.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise Closed from error
        if sent < len(frame):
            self.unsent += frame[sent:]
            if self.when_full is not None:
                self.when_full(self)

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it. Raises Closed."""
        if not self.unsent:
            return
        try:
            sent = self.sock.send(self.unsent)
        except BlockingIOError:
            return
        except OSError as error:
            raise Closed from error
        del self.unsent[:sent]

    def read(self) -> list[M]:
        """Every whole message that is there; waits for one only on a blocking socket. Raises Closed, BrokenFrame."""
        while True:
            try:
                data = self.sock.recv(READ_BYTES)
            except BlockingIOError:
                return []
            except InterruptedError:
                continue
            except OSError as error:
                raise Closed from error
            if not data:
                raise Closed
            self._received += data
            messages = list(self._frames())
            if messages or self.sock.gettimeout() == 0.0:
                return messages

    def read_now(self) -> list[M]:
        """Every whole message that is there, without waiting, also on a blocking socket. Raises Closed, BrokenFrame."""
        messages: list[M] = []
        while True:
            try:
                data = self.sock.recv(READ_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return messages
            except OSError as error:
                raise Closed from error
            if not data:
                raise Closed
            self._received += data
            messages += self._frames()

    def drain(self) -> list[M]:
        """Everything the peer managed to send before it went. Never raises, never waits."""
        messages: list[M] = []
        try:
            while True:
                data = self.sock.recv(READ_BYTES, socket.MSG_DONTWAIT)
                if not data:
                    return messages
                self._received += data
                messages += self._frames()
        except (OSError, BrokenFrame):
            return messages

    def _frames(self) -> Iterator[M]:
        buffer, start, end = self._received, 0, len(self._received)
        try:
            while end - start >= 4:
                (length,) = HEADER.unpack_from(buffer, start)
                # No job is that long: arguments and results have lower limits.
                if length > JOB_FRAME_BYTES:
                    raise BrokenFrame(f"a frame of {length} bytes")
                if end - start - 4 < length:
                    break
                body = bytes(memoryview(buffer)[start + 4 : start + 4 + length])
                start += 4 + length
                try:
                    yield self._decode(body)
                except msgspec.MsgspecError as error:
                    raise BrokenFrame(str(error)) from error
        finally:
            del buffer[:start]
