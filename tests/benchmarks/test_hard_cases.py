"""Every hard case beside its target, each in a process of its own that is ended after a minute."""

import subprocess
import sys

import pytest

from tests.benchmarks.hard_cases import CASES

_LIMIT = 60  # seconds on the clock


@pytest.mark.parametrize("name", CASES)
def test_hard_case(benchmark, name):
    def run():
        command = [sys.executable, "-m", "tests.benchmarks.hard_cases", name]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=True).stdout.strip()
        except subprocess.TimeoutExpired:
            return f"over {_LIMIT} s"

    told = benchmark.pedantic(run, rounds=1)
    print(f"\n{name}: {told} (target {CASES[name][0]:g} s)")
