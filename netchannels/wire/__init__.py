"""The protocol of a link, sans-IO: it knows no socket, no scheduler and no clock.

Read in this order: `frames` (bytes), `events` (what can happen), `port` (what is legal: two
tables), `liveness` (silence), `outbox` (what is written next), `connection` (all together).
"""

from .connection import Connection as Connection
from .events import Event as Event
from .frames import FRAMES as FRAMES
from .frames import Kind as Kind
from .frames import WireError as WireError
from .liveness import Liveness as Liveness
from .port import HEARS as HEARS
from .port import MOVES as MOVES
