"""Processes are measured from outside and leave nothing behind."""

from __future__ import annotations

import os
import sys
import time
import unittest

from harness.process import cpu_clock, free_port, memory_of, running
from harness.trouble import Trouble

# Ignores the polite signal, in a child too, and says when both are there.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
while True:
    time.sleep(60)
"""
ANSWERS = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
sys.path.insert(0, ".")
import apps
make_server("127.0.0.1", int(sys.argv[1]), apps.wsgi).serve_forever()
"""


class ProcessTest(unittest.TestCase):
    def test_the_cpu_clock_is_the_one_the_process_sees_itself(self) -> None:
        before = time.process_time_ns()
        seen = cpu_clock(os.getpid())
        after = time.process_time_ns()
        self.assertLessEqual(before, seen)
        self.assertLessEqual(seen, after)

    def test_memory_counts_the_descriptors_and_threads_of_a_process(self) -> None:
        before = memory_of(os.getpid())
        reader, writer = os.pipe()
        after = memory_of(os.getpid())
        os.close(reader)
        os.close(writer)
        self.assertEqual(after.fds, before.fds + 2)
        self.assertEqual(after.threads, before.threads)
        self.assertGreaterEqual(after.rss, after.private)

    def test_a_server_is_ready_when_it_answers_and_gone_after_the_block(self) -> None:
        port = free_port()
        argv = [sys.executable, "-B", "-c", ANSWERS, str(port)]
        with running("wsgiref", argv, port) as process:
            self.assertGreater(process.wait_ready(), 0)
            self.assertEqual(process.pids(), [process.popen.pid])
            self.assertEqual(list(process.cpu()), [process.popen.pid])
        self.assertEqual(process.pids(), [])
        self.assertFalse(process.log.exists())

    def test_a_server_that_does_not_listen_to_signals_is_killed_with_its_children(self) -> None:
        with running("stubborn", [sys.executable, "-c", STUBBORN], 1) as process:
            process.end_seconds = 0.0
            while len(process.pids()) < 2:
                process.must_live()
        self.assertEqual(process.pids(), [])

    def test_an_interrupt_ends_the_server(self) -> None:
        with (
            self.assertRaises(KeyboardInterrupt),
            running("stubborn", [sys.executable, "-c", STUBBORN], 1) as process,
        ):
            process.end_seconds = 0.0
            raise KeyboardInterrupt
        self.assertEqual(process.pids(), [])

    def test_a_server_that_ends_at_once_is_reported_with_what_it_wrote(self) -> None:
        argv = [sys.executable, "-c", "raise SystemExit('no such application')"]
        with self.assertRaises(Trouble) as caught, running("short", argv, 1) as process:
            process.wait_ready()
        self.assertIn("no such application", str(caught.exception))
        self.assertTrue(process.log.exists())
        process.log.unlink()
