"""Map and reduce."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import csp
from netchannels import Cores, TypeRefused, map_reduce
from netchannels._codec import codec
from netchannels._map_reduce import Job, Task, run_task
from netchannels.placement._target import Target

sys.path.insert(0, str(Path(__file__).parent))
import jobs

LINES = ["the cat the dog", "a cat", "", "the"]
WORDS = {"the": 3, "cat": 2, "dog": 1, "a": 1}


@pytest.mark.parametrize("partitions", [None, 1, 7])
def test_each_key_is_reduced_once_whatever_the_partitions(partitions: int | None) -> None:
    async def main() -> dict[str, int]:
        return await map_reduce(
            jobs.words, jobs.total, LINES, workers=Cores(2), partitions=partitions
        )

    assert csp.run(main) == WORDS


def test_values_come_in_the_order_of_the_inputs_and_combined_if_that_is_wanted() -> None:
    async def lines() -> AsyncIterator[str]:
        for line in LINES:
            yield line

    async def main() -> list[dict[str, list[int]]]:
        return [
            await map_reduce(
                jobs.words, jobs.how_many, lines(), workers=Cores(1), combiner=combiner
            )
            for combiner in (None, jobs.total)
        ]

    plain, combined = csp.run(main)
    assert plain["the"] == [1, 1, 1]
    assert combined["the"] == [2, 1]


def test_a_key_is_in_the_partition_of_its_bytes() -> None:
    words, total = Target.of(jobs.words), Target.of(jobs.total)
    job = Job(words, total, None, 5)
    pairs = codec(list[tuple[str, int]])
    where: dict[str, set[int]] = {}
    for line in LINES:
        parts = run_task(Task(job, [codec(str).encode(line)]))
        assert len(parts) == 5
        for number, part in enumerate(parts):
            for word, _ in pairs.decode(part) if part else []:
                where.setdefault(word, set()).add(number)
    assert where.keys() == WORDS.keys()
    assert all(len(numbers) == 1 for numbers in where.values())


def test_types_that_are_not_said_are_refused() -> None:
    async def run(mapper: Any, reducer: Any, **options: Any) -> None:
        await map_reduce(mapper, reducer, LINES, workers=Cores(1), **options)

    with pytest.raises(TypeRefused, match="what pairs it returns"):
        csp.run(run, jobs.square, jobs.total)
    with pytest.raises(TypeRefused, match="annotate it"):
        csp.run(run, jobs.words, jobs.unannotated)

    async def none() -> None:
        await run(jobs.words, jobs.total, partitions=0)

    with pytest.raises(ValueError, match="partitions"):
        csp.run(none)


def test_values_of_other_types_are_told_with_the_function() -> None:
    wrong: Any = ["a line", 1]
    with pytest.raises(csp.ChannelTypeError, match="`words` takes `str`: Expected `str`"):
        csp.run(lambda: map_reduce(jobs.words, jobs.total, wrong, workers=Cores(1)))
    with pytest.raises(csp.RequestFailed, match=r"`wrong_total`: no .* Expected `int`, got `str`"):
        csp.run(lambda: map_reduce(jobs.words, jobs.wrong_total, LINES, workers=Cores(1)))
