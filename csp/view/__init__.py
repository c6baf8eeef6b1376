"""Pictures of runs.

_records  _names  _spans  _pairing  _clocks  _folding  _chart  _chart_text
_meetings  _usage  _timeline
"""

from ._chart import Chart as Chart
from ._chart import Message as Message
from ._chart import chart as chart
from ._chart_text import chart_as_mermaid as chart_as_mermaid
from ._chart_text import chart_as_text as chart_as_text
from ._clocks import Stamped as Stamped
from ._clocks import stamped as stamped
from ._folding import Repeated as Repeated
from ._meetings import Meetings as Meetings
from ._meetings import Met as Met
from ._meetings import meetings as meetings
from ._names import short_names as short_names
from ._records import BrokenTrace as BrokenTrace
from ._records import Trace as Trace
from ._records import TraceFile as TraceFile
from ._spans import Span as Span
from ._spans import spans as spans
from ._timeline import write_timeline as write_timeline
from ._usage import Usage as Usage
from ._usage import usage as usage
