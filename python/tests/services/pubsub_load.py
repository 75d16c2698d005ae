"""Many receivers of messages of a Redis that comes and goes: each gets its own, in order."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import puff
from puff.pubsub import global_pubsub
from puff.redis import RedisError

RECEIVERS = 16


class Record:
    """What happened to the receivers."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.strange: list[str] = []
        self.unmarked: list[str] = []
        self.slowest = 0.0
        self.failed = 0
        self.gaps = 0
        self._answered: set[int] = set()
        self._said = 0.0

    def heard(self, me: int) -> None:
        """Says when all have heard something."""
        self._answered.add(me)
        if len(self._answered) == RECEIVERS and time.monotonic() - self._said > 0.05:
            self._answered.clear()
            self._said = time.monotonic()
            print("answered", file=sys.stderr, flush=True)


def main() -> None:
    """A publisher and a receiver for each channel, in greenlets."""
    record = Record()

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
                record.unmarked.append(f"{me}: {last} then {n}")
            record.gaps += message.gap
            last = int(n)
            record.heard(me)

    def publisher(me: int) -> None:
        n = 0
        while not os.path.exists("stop"):
            began = time.monotonic()
            try:
                global_pubsub.publish(f"c{me}", f"{me}-{n + 1}")
                n += 1
            except RedisError as e:
                record.failed += 1
                if 'redis "default" at unix://' not in str(e):
                    record.strange.append(repr(e))
                if "unknown" in str(e):
                    n += 1  # it may have been published
                puff.sleep(0.01)
            except Exception as e:
                record.strange.append(repr(e))
            record.slowest = max(record.slowest, time.monotonic() - began)

    conns = [global_pubsub.connection(queue_size=10) for _ in range(RECEIVERS)]
    for i, conn in enumerate(conns):
        conn.subscribe(f"c{i}")
    receivers = [puff.spawn(receiver, i, conn) for i, conn in enumerate(conns)]
    puff.join_all([puff.spawn(publisher, i) for i in range(RECEIVERS)])
    for i in range(RECEIVERS):
        global_pubsub.publish(f"c{i}", "stop")
    puff.join_all(receivers)
    with open("result.json", "w") as f:
        json.dump({k: v for k, v in vars(record).items() if k[0] != "_"}, f)
