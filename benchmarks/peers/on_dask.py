"""Dask: a LocalCluster of processes, as `distributed` has them on one machine."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, LocalCluster, as_completed

from .turn import Answers, take
from .work import WORKERS, Work


@contextmanager
def cluster() -> Iterator[Answers]:
    """Two workers of one thread each; nothing is kept from one request for the next."""
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0") as local,
        Client(local) as client,
    ):

        def answers(work: Work, requests: Iterable[Any]) -> Iterator[Any]:
            futures = [client.submit(work, request, pure=False) for request in requests]
            for _, answer in as_completed(futures, with_results=True):
                yield answer

        yield answers


if __name__ == "__main__":
    take(cluster, sys.argv[1:])
