"""examples/shop: every service at once, wherever the services are."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest
from server.client import get, post
from server.process import DEADLINE, PYTHON, Puff, run
from services.cluster import Cluster, cluster
from services.conftest import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from server.browser import Browser

GYOKURO = 5  # of which there are five


class Servers:
    """What the test has started, for those who are to use it."""

    def __init__(self, cluster: Cluster, redis: RedisServer, database: str) -> None:
        self._cluster, self._database, self.redis = cluster, database, redis
        self.postgres = f"postgres://postgres@/{database}?host={cluster.host}"
        redis.command("FLUSHALL")
        cluster.create(database)

    def sql(self, statement: str) -> str:
        """What the database answers."""
        words = ["psql", "-h", self._cluster.host, "-U", "postgres", "-qAtc", statement]
        done = subprocess.run([*words, self._database], capture_output=True, text=True, check=True)
        return done.stdout.strip()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.end()


class Shop:
    """A server of the example, and how its folder and its services are told apart."""

    def __init__(self, folder: Path, flags: list[str], env: Mapping[str, str]) -> None:
        self.folder, self.flags, self.env = folder, flags, env
        args = ["serve", "--python", PYTHON, "--port", "0", "--graceful-timeout", "0.5", *flags]
        self.puff = Puff(args, cwd=folder, env=env)

    def ask(self, path: str) -> Any:
        """What a path answers, as JSON."""
        answer = get(self.puff.port, path)
        assert answer.status == 200, (answer, self.puff.log())
        return json.loads(answer.body)

    def stock(self, number: int) -> int:
        """How many there are of an item."""
        (found,) = (i["stock"] for i in self.ask("/items")["items"] if i["id"] == number)
        return int(found)

    def restock(self) -> str:
        """What the command says."""
        done = run(["--python", PYTHON, *self.flags, "restock"], cwd=self.folder, env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout


class Live:
    """Who follows the stock."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self._connection.request("GET", "/live")
        self._answer = self._connection.getresponse()
        assert self._answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"

    def event(self) -> dict[str, str]:
        """The next event."""
        fields: dict[str, str] = {}
        while line := self._answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        return fields

    def __enter__(self) -> Live:
        assert self.event() == {"event": "ready", "data": "{}"}
        return self

    def __exit__(self, *exc: object) -> None:
        self._answer.close()
        self._connection.close()


WAYS = ["embedded", "flags", "env", "toml"]


def told(
    how: str, copy: Callable[..., Path], servers: Servers | None
) -> tuple[Path, list[str], dict[str, str]]:
    """A copy of the example that is told in that way where its services are."""
    if servers is None:
        return copy("shop"), [], {}
    urls = {
        "postgres": servers.postgres,
        "redis": servers.redis.url,
        "pubsub": servers.redis.url,
    }
    folder = copy("shop", 'embedded = "never"\n')
    if how == "flags":
        return folder, [w for k, u in urls.items() for w in (f"--default-{k}-url", u)], {}
    if how == "env":
        return folder, [], {f"PUFF_DEFAULT_{k.upper()}_URL": u for k, u in urls.items()}
    file = folder / "puff.toml"
    text = file.read_text()
    for kind, url in urls.items():
        text = text.replace(f"[[{kind}]]\n", f'[[{kind}]]\nurl = "{url}"\n')
    file.write_text(text)
    return folder, [], {}


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> Servers | None:
    how = request.param
    if how == "embedded":
        return None
    wanted = request.getfixturevalue
    return Servers(
        wanted("postgres"), wanted("redis"), f"shop_{request.node.originalname[5:]}_{how}"
    )


@pytest.fixture
def shop(
    copy: Callable[..., Path], servers: Servers | None, request: pytest.FixtureRequest
) -> Iterator[Shop]:
    made = Shop(*told(request.node.callspec.params["servers"], copy, servers))
    yield made
    made.puff.stop()


everywhere = pytest.mark.parametrize("servers", WAYS, indirect=True)
here = pytest.mark.parametrize("servers", ["env"], indirect=True)


@everywhere
def test_the_shop_works_wherever_its_services_are(shop: Shop, servers: Servers | None) -> None:
    first = shop.ask("/items?currency=USD")
    assert [i["name"] for i in first["items"]][:2] == ["Assam", "Sencha"]
    assert first["items"][0]["price"] == "8.10"  # by the rates of another route
    assert shop.ask("/items")["since"] == first["since"]  # which Redis keeps
    with Live(shop.puff.port) as one, Live(shop.puff.port) as other:
        sold = post(shop.puff.port, "/items/1/buy", b"")
        assert (sold.status, json.loads(sold.body)) == (200, {"id": 1, "stock": 19})
        assert one.event() == other.event() == {"data": '{"id":1,"stock":19}'}
        assert shop.restock().splitlines()[0] == " 20 Assam"
        assert one.event() == {"data": '{"id":1,"stock":20}'}
    assert shop.stock(1) == 20
    if servers is None:
        for kind in ("postgres", "redis"):
            assert (shop.folder / ".puff" / kind / "state.json").exists()
        return
    assert servers.sql("select count(*), sum(price) from orders") == "1|7.50"
    assert servers.redis.command("EXISTS", "shop:rates") == ":1"
    assert not (shop.folder / ".puff").exists()


@here
def test_nobody_buys_what_is_not_there(shop: Shop, servers: Servers) -> None:
    port = shop.puff.port
    statuses: list[int] = []
    buyers = [
        threading.Thread(
            target=lambda: statuses.append(post(port, f"/items/{GYOKURO}/buy", b"").status)
        )
        for _ in range(20)
    ]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join()
    assert sorted(statuses) == [200] * 5 + [409] * 15
    assert shop.stock(GYOKURO) == 0
    assert servers.sql("select count(*) from orders") == "5"
    assert post(port, "/items/77/buy", b"").status == 409
    assert get(port, "/items?currency=XAU").status == 400


@here
def test_who_leaves_is_not_listened_for(shop: Shop, servers: Servers) -> None:
    def heard() -> bool:
        return servers.redis.command("PUBLISH", "shop:stock", "{}") != ":0"

    with Live(shop.puff.port), Live(shop.puff.port):
        assert heard()
    shop.puff.until(lambda: not heard(), "the end of the subscriptions")


@here
def test_the_page_shows_the_stock_over_a_reload(
    shop: Shop, servers: Servers, browser: Browser
) -> None:
    ada = browser.page(f"http://127.0.0.1:{shop.puff.port}/")
    grace = browser.page(f"http://127.0.0.1:{shop.puff.port}/")
    for page in (ada, grace):
        page.until("document.getElementById('live').className === 'on'")
    ada.js("document.querySelectorAll('article button')[4].click()")
    grace.until("document.querySelectorAll('.stock')[4].textContent === '4 left'")
    old = set(shop.puff.workers)
    shop.puff.signal(signal.SIGHUP)
    shop.puff.until(
        lambda: len(shop.puff.workers) == 2 and not old & set(shop.puff.workers), "the reload"
    )
    for left in (3, 2, 1):
        ada.js("document.querySelectorAll('article button')[4].click()")
        grace.until(f"document.querySelectorAll('.stock')[4].textContent === '{left} left'")
    ada.until("!document.querySelectorAll('article button')[4].disabled")
    ada.js("document.querySelectorAll('article button')[4].click()")
    grace.until("document.querySelectorAll('.stock')[4].textContent === 'Sold out'")
    assert grace.js("document.querySelectorAll('article button')[4].disabled")
    ada.js(
        "document.getElementById('currency').value = 'SEK',"
        "document.getElementById('currency').onchange()"
    )
    ada.until("/SEK/.test(document.querySelector('.price').textContent)")
