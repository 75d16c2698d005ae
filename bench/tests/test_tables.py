"""What wrk prints is read, compared and put into the README."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from harness.cases import CASES
from harness.measure import Cell, Round
from harness.servers import SERVERS, choose
from harness.tables import put_between, table
from harness.trouble import Trouble
from harness.wrk import Load, parse

PRINTED = """Running 1s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
Requests/sec:  49000.00

bench {"requests":49000,"duration_us":980000,"bytes":1,"p50_us":612.0,"p99_us":1800.5,\
"errors":{"connect":0,"read":3,"write":0,"status":0,"timeout":0}}
"""
PUFF, GRANIAN = SERVERS[:2]


def a_round(cpu_us: float, per_second: float, errors: dict[str, int] | None = None) -> Round:
    return Round(per_second, 500.0, 1500.0, cpu_us, 1.0, 1000, errors or {})


class TablesTest(unittest.TestCase):
    def test_the_report_of_wrk_is_read_with_its_errors(self) -> None:
        got = parse(PRINTED)
        want = Load(requests=49000, seconds=0.98, p50_us=612.0, p99_us=1800.5, errors={"read": 3})
        self.assertEqual(got, want)
        self.assertEqual(got.per_second, 50000)

    def test_output_without_a_report_is_trouble(self) -> None:
        with self.assertRaises(Trouble):
            parse("unable to connect")

    def test_a_row_shows_medians_the_spread_and_what_puff_is_beside_it(self) -> None:
        ours = Cell("wsgi", CASES[0], PUFF, rounds=[a_round(5.0, 200_000)])
        theirs = [a_round(c, r) for c, r in ((9.0, 90_000), (10.0, 100_000), (14.0, 40_000))]
        cells = [ours, Cell("wsgi", CASES[0], GRANIAN, rounds=theirs)]
        rows = table("wsgi", [cells]).splitlines()
        self.assertIn(
            "|  | granian | 90 000 | 0.50 | 1.50 | 10.00 | 9.00–14.00 | 100% | 2.22 | 0.50 |", rows
        )

    def test_errors_mark_the_cell_and_a_lost_round_is_told(self) -> None:
        cell = Cell("wsgi", CASES[0], GRANIAN, rounds=[a_round(9.0, 90_000, {"timeout": 2})])
        cell.troubles.append("wrong answer: status 500")
        text = table("wsgi", [[cell]])
        self.assertIn("| 90 000 (!) |", text)
        self.assertIn("errors: timeout 2; a round was lost: wrong answer: status 500.", text)

    def test_a_server_that_is_missing_has_a_line_that_says_why(self) -> None:
        text = table("wsgi", [[Cell("wsgi", CASES[0], PUFF, refused="bin/puff is not built")]])
        self.assertIn("| hello | **puff** | bin/puff is not built | – |", text)

    def test_servers_are_chosen_by_their_first_word(self) -> None:
        got = [server.name for server in choose("granian,gunicorn")]
        self.assertEqual(
            got,
            [
                "granian",
                "granian, 512 threads",
                "granian, HTTP/2",
                "gunicorn + gevent",
                "gunicorn + asgi",
            ],
        )

    def test_an_unknown_server_is_refused(self) -> None:
        with self.assertRaises(Trouble):
            choose("puff,granain")

    def test_the_text_between_the_markers_is_replaced(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "README.md")
            path.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n")
            put_between(path, "x", "new\n")
            put_between(path, "x", "newer\n")
            self.assertEqual(path.read_text(), "a\n<!-- x -->\n\nnewer\n\n<!-- /x -->\nb\n")
            with self.assertRaises(Trouble):
                put_between(path, "y", "new")
