"""Reproducible measurements of qcompiler; `python -m benchmarks` runs all of them."""
