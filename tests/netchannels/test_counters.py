"""What is counted on a link."""

import msgspec

from netchannels import Counters
from netchannels._counters import RoundTrips


def test_adding_adds_each_counter() -> None:
    total = Counters(1, 2, 3, 4, 5)
    total.add(Counters(10, 20, 30, 40, 50))
    assert total == Counters(11, 22, 33, 44, 55)


def test_every_counter_is_added() -> None:
    ones = Counters(*[1] * len(Counters.__struct_fields__))
    total = Counters()
    total.add(ones)
    assert total == ones


def test_counters_travel() -> None:
    data = msgspec.msgpack.encode(Counters(sent=3))
    assert msgspec.msgpack.decode(data, type=Counters) == Counters(sent=3)


def test_a_percentile_is_one_of_the_measurements() -> None:
    trips = RoundTrips()
    for milliseconds in range(1, 101):
        trips.add(milliseconds / 1000)
    assert (trips.percentile(50), trips.percentile(99)) == (0.051, 0.1)
    assert trips.percentile(100) == 0.1


def test_only_the_latest_hundred_count() -> None:
    trips = RoundTrips()
    trips.add(5.0)
    for _ in range(100):
        trips.add(1.0)
    assert trips.percentile(100) == 1.0


def test_without_a_measurement_there_is_none() -> None:
    assert RoundTrips().percentile(50) is None
