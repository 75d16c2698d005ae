"""examples/chat: two browsers, two workers, and what may happen to them."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from server.process import Puff, run
from server.websocket import TEXT, Socket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from server.browser import Browser, Page

OPEN = "document.body.dataset.state === 'open'"
HOSTILE = "<script>document.title = 'no'</script><img src=x onerror=\"document.title = 'no'\">"


def said(page: Page) -> list[str]:
    """What the page shows and the server has, in order."""
    shown: list[str] = page.js(
        "[...document.querySelectorAll('#messages li:not(.wait) .said')].map(e => e.textContent)"
    )
    return shown


def sees(page: Page, *texts: str) -> None:
    """Waits until the page shows these, and nothing else."""
    page.until(
        "JSON.stringify([...document.querySelectorAll('#messages li:not(.wait) .said')]"
        f".map(e => e.textContent)) === JSON.stringify({json.dumps(texts)})"
    )


def people(*names: str) -> str:
    """The condition that these are here."""
    return (
        "[...document.querySelectorAll('#people li span:last-child')].map(e => e.textContent)"
        f".join() === {json.dumps(','.join(names))}"
    )


def worker(page: Page) -> int:
    """The process that the page is connected to."""
    page.until(OPEN)
    return int(page.js("document.body.dataset.worker"))


class Chat:
    """A server of the example, and pages of it."""

    def __init__(self, puff: Puff, browser: Browser, folder: Path) -> None:
        self.puff, self.browser, self.folder = puff, browser, folder
        self.url = f"http://127.0.0.1:{puff.port}/"

    def page(self, name: str, room: str = "") -> Page:
        """The page of somebody who has come in."""
        page = self.browser.page(self.url + (f"#{room}" if room else ""))
        page.until("document.getElementById('who').open")
        page.type("#name", name)
        page.until(OPEN)
        return page

    def pages(self) -> tuple[Page, Page]:
        """The pages of Ada and Grace, which different workers serve."""
        ada, grace = self.page("Ada"), self.page("Grace")
        for _ in range(100):
            if worker(ada) != worker(grace):
                return ada, grace
            grace.js("delete document.body.dataset.state, connect()")
        raise AssertionError(f"worker {worker(ada)} serves everybody")


@pytest.fixture
def chat(copy: Callable[..., Path], serve: Callable[..., Puff], browser: Browser) -> Chat:
    folder = copy("chat")
    return Chat(serve(folder, "--graceful-timeout", "0.5"), browser, folder)


def test_pages_of_different_workers_see_each_other(chat: Chat) -> None:
    ada, grace = chat.pages()
    for page in (ada, grace):
        page.until(people("Ada", "Grace"))
    ada.type("#text", "Is anybody here?")
    sees(grace, "Is anybody here?")
    grace.type("#text", "I am.")
    sees(ada, "Is anybody here?", "I am.")
    linus = chat.page("Linus")
    sees(linus, "Is anybody here?", "I am.")
    ada.until(people("Ada", "Grace", "Linus"))
    linus.close()
    ada.until(people("Ada", "Grace"))


def test_what_is_said_is_text(chat: Chat) -> None:
    ada, grace = chat.pages()
    grace.type("#text", HOSTILE)
    sees(ada, HOSTILE)
    again = chat.page("Linus")
    for page in (ada, grace, again):
        sees(page, HOSTILE)
        assert page.js("document.title") == "# lobby"
        assert page.js("document.querySelectorAll('main img, main script').length") == 0


def test_rooms_are_apart(chat: Chat) -> None:
    ada, grace = chat.pages()
    ada.type("#room", "Engines & Looms")
    ada.until("document.getElementById('where').textContent === '# engines-looms'")
    ada.until(people("Ada"))
    grace.until(people("Grace"))
    grace.until("[...document.querySelectorAll('#rooms a')].length === 2")
    ada.type("#text", "in the new one")
    grace.type("#text", "in the first one")
    sees(ada, "in the new one")
    sees(grace, "in the first one")
    grace.js("document.querySelector('#rooms a').click()")
    sees(grace, "in the new one")
    grace.until(people("Ada", "Grace"))


def test_a_page_whose_worker_is_killed_goes_on(chat: Chat) -> None:
    ada, grace = chat.pages()
    ada.type("#text", "before")
    sees(grace, "before")
    ada.js(
        "window.heard = [], new MutationObserver(() => heard.push(document.getElementById('status')"
        ".innerText)).observe(document.getElementById('status'), {childList: true, subtree: true})"
    )
    old = worker(ada)
    os.kill(old, signal.SIGKILL)
    ada.until("heard.some(text => text.startsWith('The connection is lost. Trying again'))")
    ada.type("#text", "meanwhile")  # it waits in the page if that is not connected yet
    sees(grace, "before", "meanwhile")
    ada.until("document.getElementById('status').hidden")
    assert worker(ada) != old
    grace.type("#text", "after")
    sees(ada, "before", "meanwhile", "after")
    ada.until(people("Ada", "Grace"))
    chat.puff.until(lambda: len(chat.puff.workers) == 2, "the worker to be replaced")


def test_a_reload_moves_the_pages_and_loses_nothing(chat: Chat) -> None:
    ada, grace = chat.pages()
    old = {worker(ada), worker(grace)}
    chat.puff.signal(signal.SIGHUP)
    texts: list[str] = []
    while {worker(ada), worker(grace)} & old:
        assert len(texts) < 400, "the pages stay with the old workers"
        texts.append(f"message {len(texts)}")
        ada.type("#text", texts[-1])
        ada.until("!document.querySelector('.wait')")
    grace.type("#text", "the end")
    for page in (ada, grace):
        sees(page, *texts, "the end")


def test_the_last_fifty_messages_are_kept(chat: Chat) -> None:
    ada = chat.page("Ada", "busy")
    entry = json.dumps({"name": "Grace", "text": "number %d", "token": "t%d"})
    script = (
        "for i = 1, 80 do redis.call('xadd', 'chat:messages:busy', '*', 'said', "
        f"string.format('{entry}', i, i)) end"
    )
    done = run(["services", "redis-cli", "--", "eval", script, "0"], cwd=chat.folder)
    assert done.returncode == 0, done.stderr
    ada.type("#text", "the last one")
    sees(ada, "the last one")  # those before it were no news
    late = chat.page("Linus", "busy")
    sees(late, *(f"number {i}" for i in range(32, 81)), "the last one")


def test_a_name_that_is_none_is_asked_for_again(chat: Chat) -> None:
    page = chat.browser.page(chat.url)
    page.until("document.getElementById('who').open")
    page.type("#name", "<b>")
    page.until("document.getElementById('wrong').textContent.startsWith('a name has')")
    page.type("#name", "Zoë O'Neil")
    page.until(people("Zoë O'Neil"))


@pytest.mark.parametrize(
    ("query", "origin", "code"),
    [
        ("room=lobby&name=Eve", "https://other.example", 4403),
        ("room=lobby&name=%20", "http://test.example", 4400),
        ("room=../lobby&name=Eve", "http://test.example", 4404),
    ],
)
def test_who_may_not_come_in_is_told_why(
    copy: Callable[..., Path], serve: Callable[..., Puff], query: str, origin: str, code: int
) -> None:
    puff = serve(copy("chat"))
    with Socket(puff.port, f"/chat?{query}", [("Origin", origin)]) as socket:
        got = socket.closed()
    assert got is not None
    assert got[0] == code
    assert got[1]


@pytest.mark.parametrize("frame", ['{"text": "no token"}', "[1]", "{", "7"])
def test_nonsense_ends_one_connection(
    copy: Callable[..., Path], serve: Callable[..., Puff], frame: str
) -> None:
    puff = serve(copy("chat"))
    with Socket(puff.port, "/chat?room=lobby&name=Eve") as socket:
        socket.text()
        socket.put(TEXT, frame.encode())
        while (got := socket.take()) is not None and got.first == 0x80 | TEXT:
            pass
    assert got is not None
    assert int.from_bytes(got.payload[:2], "big") == 4422
