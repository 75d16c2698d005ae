"""The ratio of workers is told only where the machine has room for them."""

from __future__ import annotations

import unittest

from harness.workers import Round, remark, table


def rounds(room: float) -> list[Round]:
    loads = ("work", "hello")
    return [
        Round(
            (2e6, 2e6 * room),
            {(load, "wsgi"): (1000.0, 1500.0 + n) for load in loads}
            | {(load, "asgi"): (1000.0, 1700.0) for load in loads},
        )
        for n in range(3)
    ]


class WorkersTest(unittest.TestCase):
    def test_with_room_the_ratio_is_there(self) -> None:
        got = table(rounds(1.9)).splitlines()
        self.assertEqual(got[2], "| a loop that counts, millions a second | 2.0 | 3.8 | 1.90 |")
        self.assertEqual(got[5], "| hello, WSGI, requests/s | 1 000 | 1 501 | 1.50 |")
        self.assertIn("besides", remark(rounds(1.9), 4))
        self.assertIn("share the 2 cores", remark(rounds(1.9), 2))

    def test_without_room_there_is_none(self) -> None:
        got = table(rounds(1.7))
        self.assertIn("| 1 000 | 1 501 | not measurable here |", got)
        self.assertIn("1.70 times", remark(rounds(1.7), 4))


if __name__ == "__main__":
    unittest.main()
