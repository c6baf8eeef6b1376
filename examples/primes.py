"""The work of the task examples: how many primes there are in a block of numbers."""

import time
from dataclasses import dataclass
from math import isqrt


@dataclass(frozen=True)
class Block:
    """A task: the numbers from `first` on, `size` of them.  `number` counts the tasks."""

    number: int
    first: int
    size: int


@dataclass(frozen=True)
class Counted:
    """A result: how many primes the block has, who counted them, and in how many seconds."""

    number: int
    primes: int
    worker: str
    seconds: float


def blocks(count: int, size: int) -> list[Block]:
    """The first `count` blocks of `size` numbers each."""
    return [Block(number, number * size, size) for number in range(count)]


def is_prime(n: int) -> bool:
    """By trial division, which takes its time."""
    return n > 1 and all(n % divisor for divisor in range(2, isqrt(n) + 1))


def count(block: Block, worker: str) -> Counted:
    """Do a task."""
    started = time.perf_counter()
    primes = sum(map(is_prime, range(block.first, block.first + block.size)))
    return Counted(block.number, primes, worker, time.perf_counter() - started)
