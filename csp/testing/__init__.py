"""The public test kit: `check_channel` and `cancel_at_every_step`."""

from ._cancel import cancel_at_every_step as cancel_at_every_step
from ._conformance import check_channel as check_channel

for _public in (cancel_at_every_step, check_channel):  # let tracebacks name this module
    _public.__module__ = __name__
del _public
