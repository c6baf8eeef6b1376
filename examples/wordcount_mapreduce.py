"""Count words by map and reduce: each file gives pairs of word and number, each word their sum.

csp run examples/wordcount_mapreduce.py [--arg path=DIR] [--arg workers=4]

What it teaches: `map_reduce`, two plain functions and nothing about processes, channels or programs.
"""

import time
from collections import Counter
from pathlib import Path

from wordcount import count, directory_of, find

import csp
import netchannels
from netchannels import Cores


def words_of(file: str) -> list[tuple[str, int]]:
    return list(count(Path(file)).words.items())


def total(word: str, numbers: list[int]) -> int:
    return sum(numbers)


async def count_words(path: Path, workers: Cores) -> Counter[str]:
    files, _ = find(path)
    found = await netchannels.map_reduce(
        words_of, total, map(str, files), workers=workers, progress=True
    )
    return Counter(found)


async def main(path: Path | None = None, workers: int = 0) -> None:
    cores = Cores(workers) if workers else Cores()
    directory = directory_of(path, cores.size)
    if directory is None:
        return
    started = time.perf_counter()
    words = await count_words(directory, cores)
    for word, number in words.most_common(10):
        print(f"{number:>9,}  {word}")
    print(f"{len(words):,} words, {time.perf_counter() - started:.1f} s, {cores!r}")


if __name__ == "__main__":
    csp.run(main)
