"""PostgreSQL over a network: TLS, who may log in, several hosts, libpq's files and variables."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from server.ports import free_port

from .cluster import cluster
from .conftest import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cluster import Cluster

TLS = "ssl = on\nssl_cert_file = 'server_pem'\nssl_key_file = 'server_key'\nssl_ca_file = 'ca_pem'"
ACCESS = """
local all all trust
hostssl all holder 127.0.0.1/32 cert
hostnossl all plain 127.0.0.1/32 scram-sha-256
hostssl all app 127.0.0.1/32 scram-sha-256
host all nobody 127.0.0.1/32 reject
"""
USERS = (
    "create user app password 'it''s secret'; create user holder;create user plain password 'plain'"
)

# What a program says of connections; each is made by psycopg2 and by puff.postgres.
PROGRAM = """
import json, os, sys
import psycopg2
from puff import postgres

SQL = (
    "select current_user::text, coalesce(ssl, false), coalesce(version, ''),"
    " current_setting('transaction_read_only'), current_setting('application_name')"
    " from (select 1) one left join pg_stat_ssl on pid = pg_backend_pid()"
)

def by_psycopg2(dsn):
    conn = psycopg2.connect(dsn)
    cur = conn.cursor()
    cur.execute(SQL)
    try:
        return list(cur.fetchone())
    finally:
        conn.close()

def by_pool(name):
    return list(postgres.named_client(name).fetchrow(SQL))

said = []
for i, dsn in enumerate(json.loads(sys.argv[1])):
    for ask, what in ((by_psycopg2, dsn), (by_pool, f"n{i}")):
        try:
            said.append(ask(what))
        except psycopg2.OperationalError as e:
            said.append(str(e))
print(json.dumps(said))
"""


class Net:
    """A server with TLS, one that only reads, and the files of their clients."""

    def __init__(self, first: Cluster, second: Cluster, folder: Path, other: Path) -> None:
        self.first, self.second = first, second
        self.ca, self.other = folder / "ca.pem", other
        self.cert, self.key = folder / "client.pem", folder / "client.key"
        self.base = f"host=127.0.0.1 port={first.port} dbname=postgres"
        self.app = f"{self.base} user=app password='it\\'s secret'"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    folder = tmp_path_factory.mktemp("net")
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(folder / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "other.pem"))
    server = issuer.issue_cert("localhost", "127.0.0.1")
    client = issuer.issue_cert("holder", common_name="holder")
    client.cert_chain_pems[0].write_to_path(str(folder / "client.pem"))
    client.private_key_pem.write_to_path(str(folder / "client.key"))
    named = issuer.issue_cert("db.test")

    def prepare(made: Cluster, leaf: trustme.LeafCert, settings: str) -> None:
        made.listen(
            free_port(),
            TLS + settings,
            ACCESS,
            server_pem=leaf.cert_chain_pems[0].bytes(),
            server_key=leaf.private_key_pem.bytes(),
            ca_pem=issuer.cert_pem.bytes(),
        )

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(cluster(lambda c: prepare(c, server, "")))
        second = stack.enter_context(cluster(lambda c: prepare(c, named, "")))
        for made in (first, second):
            made.run(USERS)
        second.run("alter system set default_transaction_read_only = on")
        second.run("select pg_reload_conf()")
        yield Net(first, second, folder, folder / "other.pem")


def ask(tmp_path: Path, *dsns: str, **env: str) -> list[Any]:
    """What connections by each dsn say: a row or an error, by psycopg2 and by a pool."""
    entries = [f'[[postgres]]\nname = "n{i}"\nurl = {json.dumps(d)}\n' for i, d in enumerate(dsns)]
    (tmp_path / "puff.toml").write_text("".join(entries))
    done = run_python("-c", PROGRAM, json.dumps(dsns), env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said: list[Any] = json.loads(done.stdout)
    return said


def test_each_sslmode_checks_what_it_promises(net: Net, tmp_path: Path) -> None:
    second = net.app.replace(str(net.first.port), str(net.second.port))
    good = {
        "require": f"{net.app} sslmode=require",
        "prefer": net.app,
        "verify-ca": f"{net.app} sslmode=verify-ca sslrootcert={net.ca}",
        "verify-full": f"{net.app} sslmode=verify-full sslrootcert={net.ca}",
        "a url": f"postgres://app:it's%20secret@localhost:{net.first.port}/postgres"
        f"?sslmode=verify-full&sslrootcert={net.ca}",
        "verify-ca with another name": f"{second} sslmode=verify-ca sslrootcert={net.ca}",
        "hostaddr": second.replace("host=127.0.0.1", "host=db.test hostaddr=127.0.0.1")
        + f" sslmode=verify-full sslrootcert={net.ca}",
        "channel binding": f"{net.app} sslmode=require channel_binding=require",
        "the version of TLS": f"{net.app} sslmode=require ssl_max_protocol_version=TLSv1.2",
    }
    said = ask(tmp_path, *good.values())
    for i, what in enumerate(good):
        for row in said[2 * i : 2 * i + 2]:
            assert row[:2] == ["app", True], what
    assert said[0][2] == "TLSv1.3"
    assert said[-1][2] == said[-2][2] == "TLSv1.2"


def test_what_a_sslmode_does_not_allow_is_refused(net: Net, tmp_path: Path) -> None:
    second = net.app.replace(str(net.first.port), str(net.second.port))
    bad = {
        f"{net.app} sslmode=verify-ca sslrootcert={net.other}": "unknown authority",
        f"{net.app} sslmode=verify-full sslrootcert={net.other}": "unknown authority",
        f"{second} sslmode=verify-full sslrootcert={net.ca}": "127.0.0.1",
        f"{net.app} sslmode=disable": "no encryption",
        f"{net.base} user=plain password=plain sslmode=require": "hba",
        f"{net.app} sslmode=require requirepeer=root": "requirepeer",
        f"{net.app} sslmode=require sslcrl=/none": "sslcrl",
        f"{net.base} user=app password=wrong": "password authentication failed",
        f"{net.base} user=holder sslmode=require": "certificate",
        f"{net.app} sslmode=nonsense": "sslmode",
    }
    said = ask(tmp_path, *bad)
    for i, (dsn, want) in enumerate(bad.items()):
        for error in said[2 * i : 2 * i + 2]:
            assert isinstance(error, str), f"{dsn}: {error}"
            assert want in error, dsn
            assert "secret" not in error, dsn


def test_clients_may_have_certificates(net: Net, tmp_path: Path) -> None:
    files = f"sslcert={net.cert} sslkey={net.key} sslrootcert={net.ca}"
    for row in ask(tmp_path, f"{net.base} user=holder sslmode=verify-full {files}"):
        assert row[:2] == ["holder", True]


def test_of_several_hosts_the_one_is_taken_that_has_the_attributes(
    net: Net, tmp_path: Path
) -> None:
    ports = f"port={net.second.port},{net.first.port}"
    both = f"host=127.0.0.1,localhost {ports} dbname=postgres user=app password='it\\'s secret'"
    gone = both.replace(str(net.second.port), "1")
    for dsns, want in (
        ([f"{both} target_session_attrs=read-write"], "off"),
        ([f"{both} target_session_attrs=read-only"], "on"),
        ([both, f"{both} target_session_attrs=any"], "on"),
        ([gone], "off"),
    ):
        for row in ask(tmp_path, *dsns):
            assert row[3] == want, dsns
    for error in ask(tmp_path, f"{gone} sslmode=require target_session_attrs=read-only"):
        assert "read only" in error or "read-only" in error


def test_libpqs_files_and_variables_count(net: Net, tmp_path: Path) -> None:
    port = str(net.first.port)
    service, passwords = tmp_path / "services.conf", tmp_path / "passwords"
    service.write_text(
        f"[shop]\nhost=127.0.0.1\nport={port}\ndbname=postgres\nuser=app\nsslmode=require\n"
    )
    passwords.write_text(f"127.0.0.1:{port}:*:app:it's secret\n")
    passwords.chmod(0o600)
    files = {"PGSERVICEFILE": str(service), "PGPASSFILE": str(passwords)}
    for row in ask(tmp_path, "service=shop", "service=shop application_name=till", **files):
        assert row[:2] == ["app", True]
    place = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "app", "PGDATABASE": "postgres"}
    more = {"PGPASSWORD": "it's secret", "PGSSLMODE": "require", "PGAPPNAME": "from outside"}
    for row in ask(tmp_path, "dbname=postgres", **place, **more):
        assert row[:2] == ["app", True]
        assert row[4] == "from outside"
    # Without any URL, for the default pool and for psycopg2 alike.
    program = (
        "import psycopg2; from puff.postgres import global_postgres as g;"
        "c = psycopg2.connect().cursor(); c.execute('select current_user::text');"
        "print(c.fetchone()[0], g.fetchval('select current_user::text'))"
    )
    for env in ({**place, **more}, {"PGSERVICE": "shop", **files}):
        (tmp_path / "puff.toml").write_text("")
        done = run_python("-c", program, env=env, cwd=tmp_path)
        assert done.stdout == "app app\n", done.stderr
    # What a program itself puts into its environment counts for psycopg2, as elsewhere.
    program = (
        f"import os; os.environ.update({place | more!r}); import psycopg2;"
        "c = psycopg2.connect(dbname='postgres').cursor(); c.execute('select current_user::text');"
        "print(c.fetchone()[0])"
    )
    done = run_python("-c", program, env={}, cwd=tmp_path)
    assert done.stdout == "app\n", done.stderr


def test_a_socket_needs_neither_tls_nor_password(net: Net, tmp_path: Path) -> None:
    place, port = net.first.host, net.first.port
    said = ask(
        tmp_path,
        f"host={place} port={port} dbname=postgres user=app",
        f"postgres://app@/postgres?host={place}&port={port}&sslmode=verify-full",
    )
    for row in said:
        assert row[:2] == ["app", False]


SHARED = """
import asyncio
from puff.postgres import global_postgres, named_client

tls = named_client("tls")

async def main():
    for _ in range(20):
        await asyncio.gather(*(tls.fetch("select $1::text", "1") for _ in range(2)))
        await asyncio.gather(*(tls.fetch("select n from held") for _ in range(2)))
    print(await tls.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))
    async with global_postgres.transaction() as lock:
        await lock.execute("lock table held in access exclusive mode")
        async with tls.transaction(), tls.transaction():
            slow = asyncio.ensure_future(tls.fetchval("select n from held"))
            others = [asyncio.ensure_future(tls.fetchval("select $1::text", c)) for c in "ab"]
            while (await tls.stats())["waiting"] != 3:
                await asyncio.sleep(0)
        print(await asyncio.gather(*others), slow.done())
    print(await slow)

asyncio.run(main())
"""


def test_statements_share_a_connection_through_tls(net: Net, tmp_path: Path) -> None:
    net.first.run("create table held as select 7 as n; grant select on held to public")
    url = json.dumps(f"{net.app} sslmode=require")
    own = f"host={net.first.host} port={net.first.port} user=postgres dbname=postgres"
    (tmp_path / "puff.toml").write_text(
        f'[[postgres]]\nurl = "{own}"\n[[postgres]]\nname = "tls"\nurl = {url}\npool_size = 2\n'
    )
    done = run_python("-c", SHARED, env={}, cwd=tmp_path)
    assert done.stdout == "True\n['a', 'b'] False\n7\n", done.stderr
