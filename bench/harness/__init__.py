"""The benchmark: servers side by side, one at a time, on one core, under the same load."""
