"""Pictures of runs.

    _records  _names  _spans  _clocks  _folding  _chart
"""

from ._chart import Chart as Chart
from ._chart import Message as Message
from ._chart import chart as chart
from ._clocks import Stamped as Stamped
from ._clocks import stamped as stamped
from ._folding import Repeated as Repeated
from ._records import BrokenTrace as BrokenTrace
from ._records import Trace as Trace
from ._records import TraceFile as TraceFile
from ._spans import Span as Span
from ._spans import spans as spans
