"""Benchmarks: `python -m benchmarks [--smoke] [--json FILE]`."""
