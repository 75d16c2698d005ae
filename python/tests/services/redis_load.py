"""Callers of a Redis that comes and goes."""

from __future__ import annotations

from puff.redis import RedisError
from puff.redis import global_redis as r

from services import load


def unfit(e: BaseException) -> str:
    """What is wrong with an error."""
    return "" if isinstance(e, RedisError) else "no error of Redis's"


def greenlets() -> None:
    """In greenlets."""
    record = load.Record(unfit)
    load.greenlets(record, lambda asked: r.echo(asked).decode())
    record.write()


async def tasks() -> None:
    """In tasks."""
    record = load.Record(unfit)

    async def ask(asked: str) -> str:
        answer: bytes = await r.echo(asked)
        return answer.decode()

    await load.tasks(record, ask)
    record.write()
