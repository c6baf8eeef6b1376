"""Every error is also what trio or Python programs catch already."""

import pytest
import trio

import csp


@pytest.mark.parametrize(
    ("error", "also"),
    [
        (csp.EndOfChannel, (csp.ChannelEnded, trio.EndOfChannel)),
        (csp.NoReceivers, (csp.ChannelEnded, trio.BrokenResourceError)),
        (csp.Poisoned, (csp.ChannelEnded, trio.BrokenResourceError)),
        (csp.Abandoned, (csp.ChannelEnded, trio.BrokenResourceError)),
        (csp.LinkLost, (csp.ChannelEnded, trio.BrokenResourceError)),
        (csp.DeliveryUnknown, (trio.BrokenResourceError,)),
        (csp.EndClosed, (trio.ClosedResourceError,)),
        (csp.WiringError, (TypeError,)),
        (csp.ChannelTypeError, (TypeError,)),
        (csp.Deadlock, (RuntimeError,)),
        (csp.LeaseFailed, (RuntimeError,)),
        (csp.CallFailed, (RuntimeError,)),
        (csp.RequestFailed, (csp.CallFailed,)),
    ],
)
def test_each_error_is_also_what_the_table_says(error: type, also: tuple[type, ...]) -> None:
    for kind in also:
        assert issubclass(error, kind)


def test_those_that_are_no_end_of_a_channel_are_not_caught_as_one() -> None:
    for error in (
        csp.DeliveryUnknown,
        csp.EndClosed,
        csp.Deadlock,
        csp.LeaseFailed,
        csp.CallFailed,
    ):
        assert not issubclass(error, csp.ChannelEnded)


def test_abandoned_is_neither_an_end_of_channel_nor_no_receivers() -> None:
    assert not issubclass(csp.Abandoned, (csp.EndOfChannel, csp.NoReceivers, trio.EndOfChannel))


def test_an_error_made_by_hand_has_its_fields() -> None:
    assert csp.Poisoned("x", reason="r", who="w").who == "w"
    assert csp.Abandoned("x", (ValueError(),)).causes
    assert csp.EndOfChannel("x").end is None
    assert csp.LinkLost("x").delivered is None
    assert csp.RequestFailed("x").history == ()
