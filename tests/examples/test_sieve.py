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


def test_a_main_that_keeps_its_end_waits_for_processes_that_wait_for_it(
    load: Callable[[str], ModuleType],
) -> None:
    with pytest.raises(csp.Deadlock) as caught:
        csp.run(load("sieve").main, 3, False)
    said = str(caught.value)
    assert "waits to send to `no multiples of 5`, whose only receiver `main` holds" in said
    assert ": retire ends that you do not use" in said
