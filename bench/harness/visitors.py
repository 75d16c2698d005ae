"""The clients of bench/reloads: they come all the time, and note how each visit went."""

from __future__ import annotations

import asyncio
import base64
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

Visit = Callable[[], Coroutine[Any, Any, None]]

PATIENCE = 20.0
GOING_AWAY = (1001, 1012)
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
EVENTS = b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@dataclass
class Tally:
    """What came of the visits so far."""

    good: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)

    def lost(self) -> int:
        return self.bad.total()


class Visitors:
    """Clients of four kinds; each goes on until told to stop."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.tally = Tally()
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, kept: int, fresh: int, events: int, sockets: int) -> None:
        """Lets as many of each kind in."""
        kinds: list[tuple[int, Visit]] = [(kept, self._keep), (fresh, self._once)]
        kinds += [(events, self._events), (sockets, self._echo)]
        for count, visit in kinds:
            self._tasks += [asyncio.ensure_future(self._go_on(visit)) for _ in range(count)]

    async def stop(self) -> None:
        """Waits until all have ended the visit they are on."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _go_on(self, visit: Visit) -> None:
        name = visit.__name__.strip("_")
        while not self._stop.is_set():
            try:
                await asyncio.wait_for(visit(), PATIENCE)
            except ConnectionRefusedError:
                self.tally.bad[f"{name}: refused"] += 1
            except asyncio.TimeoutError:
                self.tally.bad[f"{name}: no answer in {PATIENCE:.0f} s"] += 1
            except (OSError, EOFError, ValueError) as error:
                self.tally.bad[f"{name}: {type(error).__name__} {error}"] += 1

    async def _keep(self) -> None:
        """Many requests on one connection, until the server says it is the last."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            last = False
            while not last and not self._stop.is_set():
                writer.write(REQUEST)
                last = await self._answer(reader)
                self.tally.good["requests"] += 1
                await asyncio.sleep(0.001)
        finally:
            writer.close()

    async def _once(self) -> None:
        """A connection for one request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(REQUEST)
            await self._answer(reader)
            self.tally.good["connections"] += 1
        finally:
            writer.close()
        await asyncio.sleep(0.001)

    async def _answer(self, reader: asyncio.StreamReader) -> bool:
        """Reads one answer; whether the server closes after it."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.splitlines()[0]:
            raise ValueError(head.splitlines()[0].decode())
        await reader.readexactly(len(b"Hello, World!"))
        return b"connection: close" in head

    async def _events(self) -> None:
        """A stream to its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(EVENTS)
            body = await reader.read(-1)
            if not body.endswith(b"0\r\n\r\n"):
                raise ValueError(f"cut off after {body.count(b'data:')} events")
            self.tally.good["streams"] += 1
        finally:
            writer.close()

    async def _echo(self) -> None:
        """A WebSocket that is kept until the server closes it, as it says it will."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            upgrade = f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}"
            head = f"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n{upgrade}\r\n\r\n"
            writer.write(head.encode())
            first = (await reader.readuntil(b"\r\n\r\n")).splitlines()[0]
            if b" 101 " not in first:
                raise ValueError(first.decode())
            while not self._stop.is_set():
                writer.write(b"\x81\x82\0\0\0\0hi")  # masked with zeros
                opcode, payload = await self._frame(reader)
                if opcode == 8:
                    code = int.from_bytes(payload[:2], "big")
                    if code not in GOING_AWAY:
                        raise ValueError(f"closed with {code}")
                    with suppress(OSError):
                        writer.write(b"\x88\x82\0\0\0\0" + payload[:2])
                        await writer.drain()
                    return
                self.tally.good["messages"] += 1
                await asyncio.sleep(0.01)
        finally:
            writer.close()

    async def _frame(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        first, length = await reader.readexactly(2)
        return first & 15, await reader.readexactly(length)
