"""libpq's text of keywords: ``host=db dbname='my shop'``, and its URLs."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ._errors import ProgrammingError

__all__ = ["make_dsn", "parse_dsn", "resolve"]

KEYWORDS = frozenset(
    [
        "service",
        "user",
        "password",
        "passfile",
        "channel_binding",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "port",
        "client_encoding",
        "options",
        "application_name",
        "fallback_application_name",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "sslmode",
        "sslcompression",
        "sslcert",
        "sslkey",
        "sslcertmode",
        "sslpassword",
        "sslrootcert",
        "sslcrl",
        "sslcrldir",
        "sslsni",
        "requirepeer",
        "require_auth",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "gssencmode",
        "krbsrvname",
        "gsslib",
        "gssdelegation",
        "replication",
        "target_session_attrs",
        "load_balance_hosts",
        "tty",
        "authtype",
        "sslnegotiation",
        "sslkeylogfile",
        "min_protocol_version",
        "max_protocol_version",
    ]
)

_PAIR = re.compile(
    r"\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)*))(?=\s|$)", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _invalid(why: str) -> ProgrammingError:
    return ProgrammingError(f"invalid dsn: {why}\n")


def parse_dsn(dsn: Any) -> dict[str, str]:
    """The keywords of a dsn. Raises ProgrammingError when it is none."""
    if not isinstance(dsn, (str, bytes)):
        raise TypeError("dsn must be a string")
    text = dsn.decode() if isinstance(dsn, bytes) else dsn
    if text.startswith(("postgresql://", "postgres://")):
        return _parse_url(text)
    found: dict[str, str] = {}
    at = 0
    text = text.rstrip()
    while at < len(text):
        m = _PAIR.match(text, at)
        if m is None:
            word = text[at:].split()[0].split("=")[0]
            raise _invalid(f'missing "=" after "{word}" in connection info string')
        name = m[1]
        if name not in KEYWORDS:
            raise _invalid(f'invalid connection option "{name}"')
        found[name] = _ESCAPED.sub(r"\1", m[2] if m[2] is not None else m[3])
        at = m.end()
    return found


def _parse_url(text: str) -> dict[str, str]:
    parts = urlsplit(text)
    found: dict[str, str] = {}
    login, _, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    hosts, ports = [], []
    for one in place.split(",") if place else []:
        m = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", one)
        if m is None:
            raise _invalid(f'invalid port in "{one}"')
        hosts.append(unquote(m[1].strip("[]")))
        ports.append(m[2] or "")
    for name, value in (
        ("user", unquote(user)),
        ("password", unquote(password)),
        ("host", ",".join(hosts)),
        ("port", ",".join(ports) if any(ports) else ""),
        ("dbname", unquote(parts.path[1:])),
    ):
        if value:
            found[name] = value
    for pair in parts.query.split("&") if parts.query else []:
        if pair.count("=") != 1:
            raise _invalid('a parameter of the URI has not one "=" in it')
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "ssl" and value == "true":
            name, value = "sslmode", "require"
        if name not in KEYWORDS:
            raise _invalid(f'invalid URI query parameter: "{name}"')
        found[name] = value
    return found


def _escape(value: Any) -> str:
    text = re.sub(r"([\\'])", r"\\\1", str(value))
    return f"'{text}'" if not text or re.search(r"\s", text) else text


def make_dsn(dsn: str | None = None, **kwargs: Any) -> str:
    """A dsn with keywords added to it, which win. Raises ProgrammingError when it is none."""
    if dsn is None and not kwargs:
        return ""
    if not kwargs:
        parse_dsn(dsn)
        assert dsn is not None
        return dsn
    if "database" in kwargs:
        if "dbname" in kwargs:
            raise TypeError("you can't specify both 'database' and 'dbname' arguments")
        kwargs["dbname"] = kwargs.pop("database")
    kwargs = {name: value for name, value in kwargs.items() if value is not None}
    if dsn is not None:
        kwargs = {**parse_dsn(dsn), **kwargs}
    made = " ".join(f"{name}={_escape(value)}" for name, value in kwargs.items())
    parse_dsn(made)
    return made


# libpq's variables. Go has them too, as they were when the process began.
_VARIABLES = {
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGPASSFILE": "passfile",
    "PGREQUIREAUTH": "require_auth",
    "PGCHANNELBINDING": "channel_binding",
    "PGOPTIONS": "options",
    "PGAPPNAME": "application_name",
    "PGSSLMODE": "sslmode",
    "PGSSLNEGOTIATION": "sslnegotiation",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLCERTMODE": "sslcertmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCRL": "sslcrl",
    "PGSSLCRLDIR": "sslcrldir",
    "PGSSLSNI": "sslsni",
    "PGREQUIREPEER": "requirepeer",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
    "PGGSSENCMODE": "gssencmode",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGCLIENTENCODING": "client_encoding",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
}


def resolve(dsn: str) -> str:
    """The dsn in keywords, as Go takes it, with what the environment adds."""
    found = parse_dsn(dsn)
    service = found.get("service") or os.environ.get("PGSERVICE")
    if service:  # what its file says comes before the environment
        found["service"] = service
        file = os.environ.get("PGSERVICEFILE")
        if file:
            found["servicefile"] = file
    else:
        for variable, name in _VARIABLES.items():
            value = os.environ.get(variable)
            if value and name not in found:
                found[name] = value
    return " ".join(f"{name}={_escape(value)}" for name, value in found.items())
