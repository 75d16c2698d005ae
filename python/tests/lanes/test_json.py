"""puff.json."""

from __future__ import annotations

import io
import math

import pytest
from puff import json


def test_output_is_compact_and_raw() -> None:
    assert (
        json.dumps({"b": [1, 2.5, None, True], "a": "é\n"}) == '{"b":[1,2.5,null,true],"a":"é\\n"}'
    )
    assert json.dumpb({"a": "é"}) == '{"a":"é"}'.encode()
    assert json.dumps({"b": 1, "a": 2}, sort_keys=True) == '{"a":2,"b":1}'
    assert json.dumps({"a": 1}, indent=2) == '{\n  "a": 1\n}'


def test_keys_become_strings() -> None:
    assert json.dumps({None: 1, True: 2, 3: 4}) == '{"null":1,"true":2,"3":4}'


def test_what_json_has_no_number_for_is_null() -> None:
    assert json.dumps([math.nan, math.inf, {"a": -math.inf}, 1.0]) == '[null,null,{"a":null},1.0]'


def test_unknown_values_are_type_errors() -> None:
    with pytest.raises(TypeError, match="Value is not JSON serializable"):
        json.dumps(object())
    assert json.dumps({1, 2}, default=sorted) == "[1,2]"
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="Circular"):
        json.dumps(cycle)


def test_input() -> None:
    assert list(json.loads('{"b":1,"a":2}')) == ["b", "a"]
    assert json.loadb(b"[1]") == [1]
    assert json.loads(b"[1.5]", parse_float=str) == ["1.5"]
    assert json.loads("[7]", parse_int=str) == ["7"]
    with pytest.raises(json.JSONDecodeError):
        json.loads("{")
    file = io.BytesIO(b"[1]")
    file.read()
    assert json.load(file) == [1]


def test_dump_writes_to_files() -> None:
    text, binary = io.StringIO(), io.BytesIO()
    json.dump([1], text)
    json.dump([1], binary)
    assert (text.getvalue(), binary.getvalue()) == ("[1]", b"[1]")
