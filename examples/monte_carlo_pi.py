"""Estimate pi by random points in a square, on all cores.

csp run examples/monte_carlo_pi.py [--arg points=10000000] [--arg workers=4]

What it teaches: a farm whose workers need nothing from each other.  Each request has a seed of its own, so the result is the same however many workers there are.
"""

import random

import csp
import netchannels
from netchannels import Cores

PORTION = 200_000  # points in one request


def inside(seed: int) -> int:
    """How many of the points of one request are inside of the quarter of a circle."""
    chance = random.Random(seed).random
    return sum(chance() ** 2 + chance() ** 2 < 1 for _ in range(PORTION))


async def estimate(portions: int, workers: Cores) -> float:
    hits = 0
    async with netchannels.pool(inside, workers=workers) as pool:
        async for number in pool.map(range(portions), ordered=False, progress=True):
            hits += number
    return 4 * hits / (portions * PORTION)


async def main(points: int = 10_000_000, workers: int = 0) -> None:
    cores = Cores(workers) if workers else Cores()
    portions = max(points // PORTION, 1)
    print(f"pi is about {await estimate(portions, cores):.4f} ({portions * PORTION:,} points)")


if __name__ == "__main__":
    csp.run(main)
