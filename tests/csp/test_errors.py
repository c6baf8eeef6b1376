"""Every error is also what trio or Python programs catch already."""

import pytest
import trio

import csp
from csp._errors import Cause, leaves_of


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


@pytest.mark.parametrize(
    ("error", "count"),
    [
        (ValueError(), 1),
        (ExceptionGroup("g", [ValueError(), KeyError()]), 2),
        (ExceptionGroup("g", [ValueError(), ExceptionGroup("h", [KeyError(), ValueError()])]), 3),
        (BaseExceptionGroup("g", [KeyboardInterrupt()]), 1),
    ],
)
def test_the_leaves_of_an_error_are_what_is_no_group(error: BaseException, count: int) -> None:
    leaves = leaves_of(error)
    assert len(leaves) == count
    assert not any(isinstance(leaf, BaseExceptionGroup) for leaf in leaves)


def test_a_cause_that_is_a_cancel_names_the_process_and_not_what_trio_says() -> None:
    assert Cause(ValueError("no"), "worker").in_words() == "ValueError: no"

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            with pytest.raises(trio.Cancelled) as caught:
                await trio.sleep_forever()
            cancel = caught.value
        both = BaseExceptionGroup("both", [cancel, cancel])
        mixed = BaseExceptionGroup("mixed", [cancel, ValueError("no")])
        assert Cause(cancel, "worker").in_words() == "`worker` was cancelled"
        assert Cause(both, "worker").in_words() == "`worker` was cancelled"
        assert Cause(mixed, "worker").in_words().startswith("BaseExceptionGroup: mixed")

    trio.run(main)
