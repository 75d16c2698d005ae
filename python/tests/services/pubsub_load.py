"""Receivers of messages of a Redis that comes and goes: each gets its own, in order."""

from __future__ import annotations

import time
from typing import Any

import puff
from puff.pubsub import global_pubsub
from puff.redis import RedisError

from services import load

RECEIVERS = 16


def unfit(e: BaseException) -> str:
    """What is wrong with an error."""
    named = isinstance(e, RedisError) and 'redis "default" at unix://' in str(e)
    return "" if named else "it does not name the service"


def main() -> None:
    """A publisher and a receiver for each channel, in greenlets."""
    record = load.Record(unfit, RECEIVERS)
    record.left["gaps"] = 0

    def receiver(me: int, conn: Any) -> None:
        last = 0
        for message in conn:
            if message.text == "stop":
                return
            whose, _, n = message.text.partition("-")
            if message.channel != f"c{me}" or whose != str(me) or int(n) <= last:
                record.wrong.append(f"{me} after {last}: {message!r}")
            # One that was published and did not come shows, but before the first.
            if last and int(n) != last + 1 and not message.gap:
                record.wrong.append(f"{me}: {last}, then {n} without a gap")
            record.left["gaps"] += message.gap
            last = int(n)
            record.answer(me, time.monotonic())

    def publisher(me: int) -> None:
        n = 0
        while not record.over():
            began = time.monotonic()
            try:
                global_pubsub.publish(f"c{me}", f"{me}-{n + 1}")
            except Exception as e:
                record.error(e, began)
                if "unknown" in str(e):
                    n += 1  # it may have been published
                puff.sleep(0.01)
            else:
                n += 1

    conns = [global_pubsub.connection(queue_size=10) for _ in range(RECEIVERS)]
    for i, conn in enumerate(conns):
        conn.subscribe(f"c{i}")
    receivers = [puff.spawn(receiver, i, conn) for i, conn in enumerate(conns)]
    puff.join_all([puff.spawn(publisher, i) for i in range(RECEIVERS)])
    for i in range(RECEIVERS):
        global_pubsub.publish(f"c{i}", "stop")
    puff.join_all(receivers)
    record.write()
