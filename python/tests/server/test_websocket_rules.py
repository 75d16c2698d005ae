"""The rules of RFC 6455 and RFC 7692, by section, as an echoing server keeps them."""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from .websocket import BINARY, CLOSE, MORE, PING, PONG, TEXT, Frame, Socket, frame

if TYPE_CHECKING:
    from .conftest import Shared
    from .process import Puff

KAPPA = "\u03ba\u1f79\u03c3\u03bc\u03b5"
FIN = 0x80


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("websocket_app:app")


def bye(code: int, reason: bytes = b"") -> bytes:
    return struct.pack("!H", code) + reason


def text(payload: bytes) -> Frame:
    return Frame(FIN | TEXT, payload)


def failed(code: int) -> list[Frame]:
    return [Frame(FIN | CLOSE, struct.pack("!H", code))]


HELLO = frame(TEXT, b"hello")
HELLO_BACK = text(b"hello")

# What the client sends, and what it gets; of a close frame only the code counts.
CASES: dict[str, tuple[bytes, list[Frame]]] = {
    # 5.2, 5.6: frames and data
    "text of nothing": (frame(TEXT), [text(b"")]),
    "binary of nothing": (frame(BINARY), [Frame(FIN | BINARY, b"")]),
    **{
        f"text of {n}": (frame(TEXT, b"*" * n), [text(b"*" * n)])
        for n in (125, 126, 127, 128, 65535, 65536)
    },
    **{
        f"binary of {n}": (frame(BINARY, b"\xfe" * n), [Frame(FIN | BINARY, b"\xfe" * n)])
        for n in (125, 126, 127, 128, 65535, 65536)
    },
    # 5.5.2, 5.5.3: pings and pongs
    "ping": (frame(PING), [Frame(FIN | PONG, b"")]),
    "ping with bytes": (frame(PING, b"\x00\xff\xfe"), [Frame(FIN | PONG, b"\x00\xff\xfe")]),
    "ping of 125": (frame(PING, b"*" * 125), [Frame(FIN | PONG, b"*" * 125)]),
    "ping of 126": (frame(PING, b"*" * 126), failed(1002)),
    "pong nobody wanted": (frame(PONG, b"x") + frame(PING, b"y"), [Frame(FIN | PONG, b"y")]),
    "ten pings": (
        b"".join(frame(PING, bytes([i])) for i in range(10)),
        [Frame(FIN | PONG, bytes([i])) for i in range(10)],
    ),
    # 5.2: reserved bits and opcodes
    **{
        f"reserved bits {rsv} in {opcode}": (
            HELLO + frame(opcode, rsv=rsv) + HELLO,
            [HELLO_BACK, *failed(1002)],
        )
        for rsv in range(1, 8)
        for opcode in (TEXT, PING, CLOSE)
    },
    **{
        f"opcode {opcode}": (HELLO + frame(opcode, b"x") + HELLO, [HELLO_BACK, *failed(1002)])
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "no mask": (frame(TEXT, b"x", mask=False), failed(1002)),
    # 5.4: fragments
    "fragments": (frame(TEXT, b"a", fin=False) + frame(MORE, b"b"), [text(b"ab")]),
    "empty fragments": (
        frame(TEXT, fin=False) + frame(MORE, fin=False) + frame(MORE),
        [text(b"")],
    ),
    "ping among fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(MORE, b"b"),
        [Frame(FIN | PONG, b"p"), text(b"ab")],
    ),
    "fragmented ping": (frame(PING, fin=False) + frame(MORE), failed(1002)),
    "fragmented pong": (frame(PONG, fin=False) + frame(MORE), failed(1002)),
    "continuation of nothing": (frame(MORE, b"a") + HELLO, failed(1002)),
    "continuation of nothing, not the last": (frame(MORE, b"a", fin=False), failed(1002)),
    "text among fragments": (frame(TEXT, b"a", fin=False) + HELLO, failed(1002)),
    "continuation after the last": (
        frame(TEXT, b"a", fin=False) + frame(MORE, b"b") + frame(MORE, b"c"),
        [text(b"ab"), *failed(1002)],
    ),
    # 8.1: UTF-8
    "UTF-8": (frame(TEXT, KAPPA.encode()), [text(KAPPA.encode())]),
    "UTF-8, a byte at a time": (
        frame(TEXT, fin=False)
        + b"".join(frame(MORE, bytes([b]), fin=False) for b in KAPPA.encode())
        + frame(MORE),
        [text(KAPPA.encode())],
    ),
    **{
        f"the character {c!a}": (frame(TEXT, c.encode()), [text(c.encode())])
        for c in ("\x00", "\x7f", "\x80", "\u07ff", "\u0800", "\ufffd", "\ufffe", "\uffff",
                  "\ud7ff", "\ue000", "\U00010000", "\U0010ffff")
    },
    **{
        f"no UTF-8: {bad.hex()}": (frame(TEXT, KAPPA.encode() + bad + b"x"), failed(1007))
        for bad in (b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xed\xa0\x80",
                    b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80",
                    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff", b"\xce",
                    b"\xe2\x82", b"\xf0\x9f\x98")
    },
    "no UTF-8, seen in an unfinished message": (
        frame(TEXT, b"\xce\xba\xf4", fin=False) + frame(MORE, b"\x90", fin=False),
        failed(1007),
    ),
    "no UTF-8, seen in an unfinished frame": (
        frame(TEXT, b"\xed\xa0\x80" + b"x" * 50)[:8],
        failed(1007),
    ),
    # 7: closing
    "close": (frame(CLOSE, bye(1000)), failed(1000)),
    "close with a reason": (frame(CLOSE, bye(1000, b"*" * 123)), failed(1000)),
    "close without a code": (frame(CLOSE), [Frame(FIN | CLOSE, b"")]),
    "close of one byte": (frame(CLOSE, b"x"), failed(1002)),
    "close of 126": (frame(CLOSE, bye(1000, b"*" * 124)), failed(1002)),
    "close with a bad reason": (frame(CLOSE, bye(1000, b"\xce\xba\xff")), failed(1007)),
    "two closes": (frame(CLOSE, bye(1000)) * 2, failed(1000)),
    "text after close": (frame(CLOSE, bye(1000)) + HELLO, failed(1000)),
    "ping after close": (frame(CLOSE, bye(1000)) + frame(PING), failed(1000)),
    "close among fragments": (frame(TEXT, b"a", fin=False) + frame(CLOSE, bye(1000)), failed(1000)),
    **{
        f"close code {code}": (frame(CLOSE, bye(code)), failed(code))
        for code in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999)
    },
    **{
        f"close code {code}, which nobody may send": (frame(CLOSE, bye(code)), failed(1002))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("name", CASES)
def test_what_a_client_sends_is_answered_by_the_rules(puff: Puff, name: str, size: int) -> None:
    sent, want = CASES[name]
    if size < len(sent) > 1000:
        size = 4099  # a byte at a time would take long, and split nothing else
    with Socket(puff.port) as s:
        for at in range(0, len(sent), size):
            s.send(sent[at : at + size])
        got = [shortened(s.take()) for _ in want]
        assert got == want
        if want[-1].first == FIN | CLOSE:
            assert s.take() is None
            assert not s.was_reset
        else:
            s.goodbye()


def shortened(f: Frame | None) -> Frame | None:
    return Frame(f.first, f.payload[:2]) if f is not None and f.first == FIN | CLOSE else f


def test_big_messages_come_in_any_fragments(puff: Puff) -> None:
    data = bytes(range(256)) * 4096
    for size in (64, 1024, 65536, 1 << 20):
        with Socket(puff.port) as s:
            pieces = [data[i : i + size] for i in range(0, len(data), size)]
            opcodes = itertools.chain([BINARY], itertools.repeat(MORE))
            frames = [frame(o, p, fin=False) for o, p in zip(opcodes, pieces, strict=False)]
            s.send(b"".join(frames) + frame(MORE))
            got = s.take()
            assert got is not None
            assert got.payload == data
            s.goodbye()


OFFERS = {
    "permessage-deflate": "",
    "permessage-deflate; client_max_window_bits": "",
    "permessage-deflate; client_no_context_takeover": "; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9": "; server_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=12; client_no_context_takeover":
        "; client_no_context_takeover; server_max_window_bits=12",
    "x-other, permessage-deflate; server_max_window_bits=8, permessage-deflate": "",
}  # fmt: skip


@pytest.mark.parametrize("offer", OFFERS)
def test_messages_are_compressed_as_agreed(puff: Puff, offer: str) -> None:
    with Socket(puff.port, headers=[("Sec-WebSocket-Extensions", offer)]) as s:
        agreed = s.answer.get("Sec-WebSocket-Extensions")
        assert agreed == "permessage-deflate; server_no_context_takeover" + OFFERS[offer]
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bits = 9 if "bits=9" in agreed else 12 if "bits=12" in agreed else 15
        for i in range(50):
            data = b"a message that is much like the one before, number %d. " % i * (i * 7)
            if "client_no" in agreed:
                packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
            packed = packed.removesuffix(b"\x00\x00\xff\xff")
            half = len(packed) // 2
            s.put(BINARY, packed[:half], rsv=4, fin=False)
            s.put(PING, b"between")
            s.put(MORE, packed[half:])
            assert s.take() == (FIN | PONG, b"between")
            got = s.take()
            assert got is not None
            if len(data) >= 128:
                assert got.first == FIN | 0x40 | BINARY
                assert len(got.payload) < len(data)
                unpacker = zlib.decompressobj(-bits)
                assert unpacker.decompress(got.payload + b"\x00\x00\xff\xff") == data
            else:
                assert got == (FIN | BINARY, data)
        s.goodbye()


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate; server_max_window_bits=16", "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover=1", "x-webkit-deflate-frame",
    ],
)  # fmt: skip
def test_offers_that_can_not_be_met_are_declined(puff: Puff, offer: str) -> None:
    with Socket(puff.port, headers=[("Sec-WebSocket-Extensions", offer)]) as s:
        assert s.answer.get("Sec-WebSocket-Extensions") is None
        s.put(TEXT, b"x" * 1000)
        assert s.text() == "x" * 1000
        s.goodbye()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff\xff\xff\xff", rsv=4), 1007),
        (frame(PING, rsv=4), 1002),
        (frame(TEXT, b"\x00", rsv=4, fin=False) + frame(MORE, b"\x00", rsv=4), 1002),
        (frame(TEXT, b"\x00", rsv=2), 1002),
    ],
)
def test_bad_compression_ends_the_connection(puff: Puff, sent: bytes, code: int) -> None:
    with Socket(puff.port, headers=[("Sec-WebSocket-Extensions", "permessage-deflate")]) as s:
        s.send(sent)
        closed = s.closed()
        assert closed is not None
        assert closed[0] == code


def test_a_message_that_inflates_beyond_the_limit_is_1009(shared: Shared) -> None:
    puff = shared("websocket_app:app", "--ws-max-size", "100000")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(50 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH)
    with Socket(puff.port, headers=[("Sec-WebSocket-Extensions", "permessage-deflate")]) as s:
        s.put(BINARY, bomb, rsv=4)
        assert s.closed() == (1009, "a message is too big")
