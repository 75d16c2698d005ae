"""inet and cidr as objects of ipaddress."""

from __future__ import annotations

from typing import Any

from ._adapters import QuotedString, register_adapter
from ._casts import new_array_type, new_type, register_type

__all__ = ["register_ipaddress"]


def register_ipaddress(conn_or_curs: Any = None) -> None:
    """Has inet become ip interfaces, cidr ip networks; both are parameters, too."""
    import ipaddress

    def interface(text: Any, cur: Any) -> Any:
        return None if text is None else ipaddress.ip_interface(str(text))

    def network(text: Any, cur: Any) -> Any:
        return None if text is None else ipaddress.ip_network(str(text))

    for oid, array, name, cast in ((869, 1041, "INET", interface), (650, 651, "CIDR", network)):
        made = new_type((oid,), name, cast)
        register_type(made, conn_or_curs)
        register_type(new_array_type((array,), name + "ARRAY", made), conn_or_curs)
    for cls in (
        ipaddress.IPv4Interface,
        ipaddress.IPv6Interface,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
    ):
        register_adapter(cls, _adapt)


def _adapt(obj: Any) -> Any:
    return QuotedString(str(obj))
