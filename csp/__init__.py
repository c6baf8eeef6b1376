"""CSP on trio: processes that talk only over typed channels.

Reading order, which is the order of imports.  Above the line nothing knows a scheduler:

    _places  _errors  abc  _types  _wiring  _offer  _buffers  _rendezvous  _observe  _kernel
    ------------------------------------------------------------------------------
    _parking  _latch  _core  _end  _cargo  _guards  _lease  _call  _outcomes  _channel
    _barrier  _broadcast  _tentative  _bridge  _slots  _alternation  _process  _function  _compose
    _elsewhere  _description  _spawn  _deadlock  _run  _watch  from_thread

DEVELOPING.md says what each of them is about.
"""

from . import from_thread as from_thread
from ._alternation import Alternation as Alternation
from ._barrier import Barrier as Barrier
from ._barrier import Member as Member
from ._broadcast import Broadcast as Broadcast
from ._buffers import Dropping as Dropping
from ._buffers import Fifo as Fifo
from ._buffers import Sliding as Sliding
from ._call import Accepted as Accepted
from ._call import Call as Call
from ._channel import Channel as Channel
from ._channel import Receiver as Receiver
from ._channel import Sender as Sender
from ._compose import Par as Par
from ._compose import Seq as Seq
from ._end import Statistics as Statistics
from ._errors import Abandoned as Abandoned
from ._errors import CallFailed as CallFailed
from ._errors import ChannelEnded as ChannelEnded
from ._errors import ChannelTypeError as ChannelTypeError
from ._errors import Deadlock as Deadlock
from ._errors import DeliveryUnknown as DeliveryUnknown
from ._errors import EndClosed as EndClosed
from ._errors import EndOfChannel as EndOfChannel
from ._errors import LeaseFailed as LeaseFailed
from ._errors import LinkLost as LinkLost
from ._errors import NoReceivers as NoReceivers
from ._errors import Poisoned as Poisoned
from ._errors import RequestFailed as RequestFailed
from ._errors import WiringError as WiringError
from ._function import process as process
from ._guards import Choice as Choice
from ._guards import Deadline as Deadline
from ._guards import Every as Every
from ._guards import Signal as Signal
from ._guards import Skip as Skip
from ._guards import Timeout as Timeout
from ._guards import Wait as Wait
from ._latch import Flag as Flag
from ._lease import Failed as Failed
from ._lease import Lease as Lease
from ._observe import Dropped as Dropped
from ._observe import Event as Event
from ._outcomes import Outcome as Outcome
from ._places import say_where_they_are_found as _say_where_they_are_found
from ._process import Process as Process
from ._run import run as run
from ._spawn import Running as Running
from ._spawn import Spawn as Spawn
from ._watch import observe as observe

_say_where_they_are_found(globals(), __name__)
