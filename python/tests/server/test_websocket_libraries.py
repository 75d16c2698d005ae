"""WebSockets between the library websockets, and FastAPI and Starlette."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from .conftest import Own, Shared
    from .process import Puff

DEADLINE = 30


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("websocket_frameworks:app")


def run(coro: Coroutine[object, object, None]) -> None:
    asyncio.run(asyncio.wait_for(coro, DEADLINE))


def opened(puff: Puff, path: str, **options: object) -> connect:
    return connect(f"ws://127.0.0.1:{puff.port}{path}", proxy=None, **options)  # type: ignore[arg-type]


def test_people_chat(puff: Puff) -> None:
    async def talk() -> None:
        async with (
            opened(puff, "/chat/ann?token=t", subprotocols=["v2", "v1"]) as ann,
            opened(puff, "/chat/bob") as bob,
        ):
            assert ann.subprotocol == "v2"
            assert bob.subprotocol is None
            assert json.loads(await ann.recv()) == {"name": "ann", "token": "t", "people": 1}
            assert json.loads(await bob.recv())["people"] == 2
            await ann.send("caf\u00e9 " * 1000)
            for each in (ann, bob):
                assert await each.recv() == "ann: " + "caf\u00e9 " * 1000
            await bob.close(4005, "tea")
            assert await ann.recv() == "bob left with 4005 tea"

    run(talk())


@pytest.mark.parametrize("compression", ["deflate", None])
def test_bytes_go_through_unharmed(puff: Puff, compression: str | None) -> None:
    async def talk() -> None:
        async with opened(puff, "/bytes", compression=compression, max_size=None) as ws:
            for n in (0, 1, 1000, 100_000, 3_000_000):
                data = os.urandom(n // 2) + bytes(n - n // 2)
                await ws.send(data)
                assert await ws.recv() == data[::-1]
            await ws.send([b"in ", b"three ", b"fragments"])
            assert await ws.recv() == b"in three fragments"[::-1]
            await (await ws.ping())

    run(talk())


def test_many_clients_at_once(puff: Puff) -> None:
    async def one(number: int) -> None:
        async with opened(puff, "/counter") as ws:
            for i in range(20):
                await ws.send(json.dumps([number, i]))
                assert json.loads(await ws.recv()) == {"sum": number + i}

    async def talk() -> None:
        await asyncio.gather(*(one(i) for i in range(50)))

    run(talk())


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/deny", 402, b"members only"),
        ("/chat/x?token=none", 403, b"Forbidden\n"),
        ("/nowhere", 403, b"Forbidden\n"),
    ],
)
def test_denials_have_a_status(puff: Puff, path: str, status: int, body: bytes) -> None:
    async def talk() -> None:
        with pytest.raises(InvalidStatus) as caught:
            async with opened(puff, path):
                pass
        assert caught.value.response.status_code == status
        assert caught.value.response.body == body

    run(talk())


def test_a_message_that_the_endpoint_can_not_read_closes(puff: Puff) -> None:
    async def talk(ws: ClientConnection) -> None:
        await ws.send("{")
        await ws.wait_closed()
        assert ws.close_code == 1003

    async def begin() -> None:
        async with opened(puff, "/counter") as ws:
            await talk(ws)

    puff.expect("RuntimeError: Malformed JSON data received", "JSONDecodeError")
    run(begin())


def test_the_client_may_leave_by_the_book(puff: Puff) -> None:
    async def talk() -> None:
        async with opened(puff, "/counter") as ws:
            await ws.close(1001, "moving on")
            assert ws.close_code == 1001
            with pytest.raises(ConnectionClosedOK):
                await ws.recv()

    run(talk())


def test_wss_is_the_same_over_tls(own: Own, tmp_path: Path) -> None:
    ca = trustme.CA()
    issued = ca.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    context = ssl.create_default_context()
    ca.configure_trust(context)
    puff = own(
        "websocket_app:app",
        *("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")),
    )

    def secure(path: str) -> connect:
        where = f"wss://127.0.0.1:{puff.port}{path}"
        return connect(where, ssl=context, server_hostname="localhost", proxy=None, max_size=None)

    async def one(number: int) -> None:
        async with secure("/") as ws:
            for i in range(20):
                data = f"{number}.{i} " * (i * 500)
                await ws.send(data)
                assert await ws.recv() == data

    async def talk() -> None:
        async with secure("/scope") as ws:
            scope = json.loads(await ws.recv())
            assert (scope["scheme"], scope["http_version"]) == ("wss", "1.1")
            assert scope["extensions"]["tls"]["tls_version"] == 0x304
        await asyncio.gather(*(one(i) for i in range(20)))
        async with secure("/") as ws:
            puff.signal(signal.SIGHUP)
            await ws.send("during a reload")
            assert await ws.recv() == "during a reload"

    run(talk())
