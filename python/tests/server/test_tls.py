"""``puff serve`` with TLS: versions, names, clients, files that change or are no good."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from .client import DEADLINE, Connection
from .process import PYTHON, Puff, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Own

APP = "socket_app:app"
ASYNC_APP = "socket_app:async_app"


class Files:
    """Certificates of an authority of the test's own, and their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self.ca.cert_pem.write_to_path(self.ca_file)

    def write(self, base: str, *names: str) -> list[str]:
        """Writes a pair as tools do that renew one; returns the flags that name it."""
        issued = self.ca.issue_cert(*names)
        for ending, data in (
            ("pem", b"".join(c.bytes() for c in issued.cert_chain_pems)),
            ("key", issued.private_key_pem.bytes()),
        ):
            new = self.folder / f"{base}.{ending}.new"
            new.write_bytes(data)
            new.rename(self.folder / f"{base}.{ending}")
        return self.flags(base)

    def flags(self, base: str) -> list[str]:
        """The flags that name a pair."""
        return [
            *("--tls-cert", str(self.folder / f"{base}.pem")),
            *("--tls-key", str(self.folder / f"{base}.key")),
        ]

    def client(self, name: str | None = None) -> ssl.SSLContext:
        """What a client knows, which shows a certificate for name if there is one."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if name is not None:
            self.ca.issue_cert("client@client.test", common_name=name).configure_cert(context)
        return context


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Certificates of this test."""
    return Files(tmp_path)


class Secure(Connection):
    """A connection with TLS."""

    def __init__(self, port: int, context: ssl.SSLContext, name: str = "a.test") -> None:
        super().__init__(port)
        self.plain = self.sock
        self.sock = self.secure = context.wrap_socket(self.sock, server_hostname=name)

    def __enter__(self) -> Secure:
        return self

    @property
    def names(self) -> set[str]:
        """The names of the certificate that was shown."""
        shown: Any = self.secure.getpeercert()
        return {name for kind, name in shown["subjectAltName"] if kind == "DNS"}


def shown_names(port: int, context: ssl.SSLContext, name: str) -> set[str]:
    with Secure(port, context, name) as c:
        assert c.exchange().status == 200
        return c.names


def test_an_application_hears_of_https(own: Own, files: Files) -> None:
    puff = own(APP, *files.write("a", "a.test"))
    assert f" on https://127.0.0.1:{puff.port} " in puff.log()
    with Secure(puff.port, files.client()) as c:
        for _ in range(3):
            shown = json.loads(c.exchange().body)
            assert shown["wsgi.url_scheme"] == "https"
        assert c.secure.version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("version", "number"), [(ssl.TLSVersion.TLSv1_2, 0x0303), (ssl.TLSVersion.TLSv1_3, 0x0304)]
)
def test_versions_from_1_2_are_spoken(
    own: Own, files: Files, version: ssl.TLSVersion, number: int
) -> None:
    puff = own(ASYNC_APP, *files.write("a", "a.test"))
    context = files.client()
    context.minimum_version = context.maximum_version = version
    with Secure(puff.port, context) as c:
        shown = json.loads(c.exchange().body)
        assert shown["scheme"] == "https"
        assert shown["tls"]["tls_version"] == number
        der = c.secure.getpeercert(binary_form=True)
        assert der is not None
        assert shown["tls"]["server_cert"] == ssl.DER_cert_to_PEM_cert(der)
        assert shown["tls"]["client_cert_chain"] == []
        assert shown["tls"]["client_cert_name"] is None
        assert shown["tls"]["client_cert_error"] is None
        cipher = c.secure.cipher()
        assert cipher is not None
        ids = {e["name"]: e["id"] & 0xFFFF for e in context.get_ciphers()}
        assert shown["tls"]["cipher_suite"] == ids[cipher[0]]


def test_old_versions_are_refused(own: Own, files: Files) -> None:
    puff = own(APP, *files.write("a", "a.test"))
    done = subprocess.run(
        ["curl", "-sS", "--tls-max", "1.1", "--cacert", files.ca_file, "--max-time", "20"]
        + ["--resolve", f"a.test:{puff.port}:127.0.0.1", f"https://a.test:{puff.port}/"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 35, done


def test_without_tls_there_is_no_extension(own: Own) -> None:
    with Connection(own(ASYNC_APP).port) as c:
        assert json.loads(c.exchange().body)["tls"] is None


def test_the_name_chooses_the_certificate(own: Own, files: Files) -> None:
    flags = files.write("a", "a.test") + files.write("b", "b.test", "*.c.test")
    puff = own(APP, *flags)
    context = files.client()
    assert shown_names(puff.port, context, "a.test") == {"a.test"}
    assert shown_names(puff.port, context, "b.test") == {"b.test", "*.c.test"}
    assert shown_names(puff.port, context, "x.c.test") == {"b.test", "*.c.test"}
    context.check_hostname = False
    assert shown_names(puff.port, context, "unknown.test") == {"a.test"}


def test_curl_is_served_with_alpn(own: Own, files: Files) -> None:
    puff = own(APP, *files.write("a", "a.test"), "--http", "1")
    done = subprocess.run(
        ["curl", "-sSv", "--cacert", files.ca_file, "--max-time", str(DEADLINE)]
        + ["--resolve", f"a.test:{puff.port}:127.0.0.1", f"https://a.test:{puff.port}/x"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["wsgi.url_scheme"] == "https"
    assert "ALPN: server accepted http/1.1" in done.stderr


@pytest.mark.parametrize("mode", ["off", "optional", "required"])
def test_clients_show_certificates(own: Own, files: Files, tmp_path: Path, mode: str) -> None:
    asked = [] if mode == "off" else ["--tls-client-auth", mode, "--tls-ca", files.ca_file]
    puff = own(ASYNC_APP, *files.write("a", "a.test"), *asked)
    with Secure(puff.port, files.client("the client")) as c:
        tls = json.loads(c.exchange().body)["tls"]
    if mode == "off":
        assert tls["client_cert_name"] is None
    else:
        assert "CN=the client" in tls["client_cert_name"]
        assert tls["client_cert_chain"][0].startswith("-----BEGIN CERTIFICATE-----\n")
    if mode == "required":
        assert refused(puff.port, files.client())
    else:
        with Secure(puff.port, files.client()) as c:
            assert json.loads(c.exchange().body)["tls"]["client_cert_chain"] == []
    if mode != "off":
        other = tmp_path / "other"
        other.mkdir()
        stranger = files.client()
        issued = Files(other).ca.issue_cert("client@client.test", common_name="stranger")
        issued.configure_cert(stranger)
        assert refused(puff.port, stranger)


def refused(port: int, context: ssl.SSLContext) -> bool:
    """Whether a client gets no answer. TLS 1.3 tells it with what it reads first."""
    try:
        with Secure(port, context) as c:
            c.request()
            return not c.more()
    except (ssl.SSLError, ConnectionError):
        return True


def test_a_certificate_that_changes_is_used_within_five_seconds(own: Own, files: Files) -> None:
    puff = own(APP, *files.write("a", "a.test"))
    context = files.client()
    context.check_hostname = False
    with Secure(puff.port, context) as before:
        assert before.exchange().status == 200
        files.write("a", "new.test")
        changed = time.monotonic()
        while shown_names(puff.port, context, "a.test") != {"new.test"}:
            assert time.monotonic() - changed < DEADLINE
        # The connection from before goes on, with the same worker.
        assert before.exchange().status == 200
    puff.wait_for("certificates were read again")


def test_half_a_pair_is_not_used(own: Own, files: Files) -> None:
    puff = own(APP, *files.write("a", "a.test"))
    context = files.client()
    assert shown_names(puff.port, context, "a.test") == {"a.test"}
    (files.folder / "a.key").write_text("nothing")
    puff.wait_for("certificates on disk are not used.*a.key: it is not PEM")
    assert shown_names(puff.port, context, "a.test") == {"a.test"}


def test_who_speaks_http_to_the_port_is_told(own: Own, files: Files) -> None:
    puff = own(APP, *files.write("a", "a.test"))
    with Connection(puff.port) as c:
        r = c.exchange()
        assert r.status == 400
        assert "use https" in r.text


def test_a_client_that_says_nothing_keeps_nobody_waiting(own: Own, files: Files) -> None:
    puff = own(APP, *files.write("a", "a.test"))
    silent = [socket.create_connection(("127.0.0.1", puff.port), DEADLINE) for _ in range(8)]
    assert shown_names(puff.port, files.client(), "a.test") == {"a.test"}
    for s in silent:
        s.close()


def test_a_handshake_has_a_deadline(own: Own, files: Files) -> None:
    puff = own(APP, *files.write("a", "a.test"), "--head-timeout", "0.2")
    with Connection(puff.port) as c:
        c.send(b"\x16\x03\x01")
        assert c.ended()


def encrypt(files: Files, base: str, password: str) -> None:
    key = files.folder / f"{base}.key"
    subprocess.run(
        [
            "openssl",
            "pkcs8",
            "-topk8",
            "-in",
            key,
            "-out",
            f"{key}.new",
            "-passout",
            f"pass:{password}",
        ],
        check=True,
        capture_output=True,
    )
    (files.folder / f"{base}.key.new").rename(key)


def test_a_key_may_have_a_password(own: Own, files: Files) -> None:
    flags = files.write("a", "a.test")
    encrypt(files, "a", "secret")
    puff = own(APP, *flags, env={"PUFF_TLS_KEY_PASSWORD": "secret"})
    assert shown_names(puff.port, files.client(), "a.test") == {"a.test"}


def swap(files: Files) -> None:
    files.write("b", "b.test")
    (files.folder / "b.key").rename(files.folder / "a.key")


WRONG: dict[str, tuple[Callable[[Files], object], str]] = {
    "no certificate": (lambda f: (f.folder / "a.pem").unlink(), "a.pem: no such file"),
    "no key": (lambda f: (f.folder / "a.key").unlink(), "a.key: no such file"),
    "not PEM": (lambda f: (f.folder / "a.pem").write_text("hello"), "a.pem: it is not PEM"),
    "another's key": (swap, "a.key: it does not match the certificate"),
    "a password": (lambda f: encrypt(f, "a", "x"), "a.key: it is encrypted: set tls-key-password"),
}


@pytest.mark.parametrize("case", WRONG)
def test_files_that_are_no_good_are_named(files: Files, case: str) -> None:
    flags = files.write("a", "a.test")
    spoil, want = WRONG[case]
    spoil(files)
    r = run(["serve", APP, "--python", PYTHON, "--port", "0", *flags])
    assert r.returncode == 1
    assert want in r.stderr
    assert r.stderr.count(want) == 1
    assert "goroutine" not in r.stderr


def test_a_unix_socket_may_speak_tls(own: Own, files: Files, tmp_path: Path) -> None:
    path = tmp_path / "s"
    puff: Puff = own(APP, *files.write("a", "a.test"), "--bind", f"unix:{path}")
    puff.wait_for("serves")
    done = subprocess.run(
        ["curl", "-sS", "--cacert", files.ca_file, "--unix-socket", str(path), "https://a.test/"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["wsgi.url_scheme"] == "https"
