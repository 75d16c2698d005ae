"""The functions of :mod:`puff.json` under the name older programs know."""

from puff.json import dumpb, dumps, loadb, loads

__all__ = ["dumpb", "dumps", "loadb", "loads"]
