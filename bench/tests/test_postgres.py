"""Each peer of PostgreSQL is compared with Puff's client that does the same."""

from __future__ import annotations

import unittest

from harness.postgres import CLIENTS, table


class PostgresTest(unittest.TestCase):
    def test_the_ratios_are_medians_of_the_rounds(self) -> None:
        rounds = {name: [(20.0, 4.0)] * 3 for group in CLIENTS for name in group}
        rounds["puff"] = [(10.0, 2.0), (20.0, 2.0), (30.0, 2.0)]
        rounds["psycopg2"] = [(40.0, 5.0)] * 3
        got = table(rounds).splitlines()[2:]
        self.assertEqual(got[0], "| **puff** | 20.0 | 10.0–30.0 |  | 2.0 | 2.0–2.0 |  |")
        self.assertEqual(got[1], "| asyncpg | 20.0 | 20.0–20.0 | 1.00 | 4.0 | 4.0–4.0 | 0.50 |")
        self.assertEqual(got[4], "| psycopg2 | 40.0 | 40.0–40.0 | 0.50 | 5.0 | 5.0–5.0 | 0.80 |")


if __name__ == "__main__":
    unittest.main()
