"""The computations that ci/bench_compile.py times, one kind in each module."""
