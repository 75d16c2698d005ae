"""What the loads of bench/services measure themselves with."""

from __future__ import annotations

import resource
import time


def cpu() -> float:
    """Seconds of user and system time of this process, all of its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Meter:
    """Measures a block and prints what each of count things cost, and how many came a second."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self) -> None:
        self.began, self.used = time.perf_counter(), cpu()

    def __exit__(self, *exc: object) -> None:
        used, took = cpu() - self.used, time.perf_counter() - self.began
        print(f"{used / self.count * 1e6:.3f} {self.count / took:.0f}")
