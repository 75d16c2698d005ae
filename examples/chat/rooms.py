"""What Redis keeps of the rooms, so that all processes see the same.

Of each room a stream has the last messages and a sorted set who is here. A member's score is
the time until which that holds: it is put off while the page is there, so whoever is cut off,
or whose process is killed, is gone by itself.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from puff.pubsub import global_pubsub
from puff.redis import global_redis

HISTORY = 50  # messages
BEAT = 10  # seconds between two signs of life
GONE = 3 * BEAT  # seconds without one
FORGET = 7 * 24 * 3600  # seconds until a room where nobody is is forgotten
ROOMS, SHOWN = "chat:rooms", 12

LOBBY = "chat:lobby"  # the channel that everybody hears


class Visit:
    """One page's stay in a room."""

    def __init__(self, room: str, name: str) -> None:
        self.room, self.name = room, name
        self.channel = f"chat:room:{room}"
        self._messages, self._people = f"chat:messages:{room}", f"chat:people:{room}"
        self._me = f"{uuid.uuid4().hex}:{name}"

    async def enter(self) -> None:
        """Is here from now on; tells the room, and everybody of a new room."""
        now = time.time()
        pipe = global_redis.pipeline()
        pipe.zadd(ROOMS, {self.room: now})
        pipe.zremrangebyscore(ROOMS, 0, now - FORGET)
        pipe.zadd(self._people, {self._me: now + GONE})
        pipe.expire(self._people, GONE)
        new, *_ = await pipe.execute()
        if new:
            await global_pubsub.publish_json(LOBBY, {"rooms": await rooms()})
        await self._tell_people()

    async def leave(self) -> None:
        """Is not here any more."""
        await global_redis.zrem(self._people, self._me)
        await self._tell_people()

    async def beat(self) -> None:
        """Is still here; whoever has not said so for a while is not."""
        now = time.time()
        pipe = global_redis.pipeline()
        pipe.zadd(self._people, {self._me: now + GONE})
        pipe.expire(self._people, GONE)
        pipe.zremrangebyscore(self._people, 0, now)
        *_, gone = await pipe.execute()
        if gone:
            await self._tell_people()

    async def say(self, text: str, token: str) -> None:
        """Has all pages of the room show a text.

        A page that lost its connection meanwhile says it again; all know by the token that it
        is the same.
        """
        said = {"name": self.name, "text": text, "token": token}
        pipe = global_redis.pipeline()
        pipe.xadd(self._messages, {"said": json.dumps(said)}, maxlen=HISTORY, approximate=False)
        pipe.expire(self._messages, FORGET)
        pipe.zadd(ROOMS, {self.room: time.time()})
        id, *_ = await pipe.execute()
        await global_pubsub.publish_json(self.channel, {"said": {**said, "id": id.decode()}})

    async def state(self) -> dict[str, Any]:
        """All there is to know of the room."""
        found = await global_redis.xrange(self._messages)
        return {
            "history": [{**json.loads(f[b"said"]), "id": id.decode()} for id, f in found],
            "people": await self._here(),
            "rooms": await rooms(),
        }

    async def _here(self) -> list[str]:
        found = await global_redis.zrangebyscore(self._people, time.time(), "+inf")
        return sorted({member.decode().partition(":")[2] for member in found}, key=str.casefold)

    async def _tell_people(self) -> None:
        await global_pubsub.publish_json(self.channel, {"people": await self._here()})


async def rooms() -> list[str]:
    """The rooms where something happened last."""
    return [room.decode() for room in await global_redis.zrevrange(ROOMS, 0, SHOWN - 1)]
