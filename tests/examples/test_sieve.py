from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

import csp


@pytest.mark.parametrize("count", [0, 1, 10, 100])
def test_the_sieve_finds_the_first_primes(load: Callable[[str], ModuleType], count: int) -> None:
    primes = csp.run(load("sieve").main, count)
    by_division = (n for n in range(2, 1000) if all(n % d for d in range(2, n)))
    assert primes == [next(by_division) for _ in range(count)]
