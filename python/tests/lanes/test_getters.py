"""The getters of rust_objects: older programs find the clients of services by them."""

from __future__ import annotations

import puff
import pytest
from puff import http, postgres, pubsub, redis

# The getter, what it returns, and the module whose named_client its by_name is.
GETTERS = [
    ("global_redis_getter", redis.global_redis, redis),
    ("global_postgres_getter", postgres.global_postgres, postgres),
    ("global_pubsub_getter", pubsub.global_pubsub, pubsub),
    ("global_http_client_getter", http.global_http_client, http),
]


@pytest.mark.parametrize(("name", "default", "module"), GETTERS)
def test_a_getter_finds_the_default_client_and_any_by_name(
    name: str, default: object, module: object
) -> None:
    for objects in (puff.rust_objects, puff.host_objects):
        getter = getattr(objects, name)
        assert getter() is default
        assert getter()() is default
        other = getter.by_name("other")
        assert type(other) is type(default)
        assert other.name == "other"
        assert getter.by_name("default").name == "default"


def test_a_name_that_nobody_configured_is_an_ordinary_error() -> None:
    client = puff.rust_objects.global_redis_getter.by_name("nope")
    with pytest.raises(redis.RedisError, match=r"\[\[redis\]\] with name = \"nope\""):
        puff.spawn(client.get, "k").join()
