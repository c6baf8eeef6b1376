"""CSP on trio: processes that talk only over typed channels."""

from ._alternation import Alternation as Alternation
from ._buffers import Dropping as Dropping
from ._buffers import Fifo as Fifo
from ._buffers import Sliding as Sliding
from ._call import Accepted as Accepted
from ._call import Call as Call
from ._call import Outcome as Outcome
from ._channel import Channel as Channel
from ._channel import Receiver as Receiver
from ._channel import Sender as Sender
from ._compose import Par as Par
from ._compose import Running as Running
from ._compose import Seq as Seq
from ._compose import Spawn as Spawn
from ._errors import *
from ._guards import Choice as Choice
from ._guards import Deadline as Deadline
from ._guards import Every as Every
from ._guards import Skip as Skip
from ._guards import Timeout as Timeout
from ._guards import Wait as Wait
from ._latch import Flag as Flag
from ._lease import Failed as Failed
from ._lease import Lease as Lease
from ._process import Process as Process
from ._process import process as process
from ._run import run as run
