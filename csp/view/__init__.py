"""Pictures of process networks, and of their runs.

Before a run: _picture  _recording  _building  _as_text  _as_mermaid  _layout  _sheet  _as_svg
After it: _records  _names  _spans  _pairing  _clocks  _folding  _chart  _chart_text  _meetings  _usage  _timeline
"""

from ._as_mermaid import as_mermaid as as_mermaid
from ._as_svg import as_svg as as_svg
from ._as_text import as_text as as_text
from ._building import picture_of as picture_of
from ._building import picture_of_main as picture_of_main
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
from ._picture import Box as Box
from ._picture import Node as Node
from ._picture import Picture as Picture
from ._picture import Wire as Wire
from ._recording import DrawError as DrawError
from ._records import BrokenTrace as BrokenTrace
from ._records import Trace as Trace
from ._records import TraceFile as TraceFile
from ._spans import Span as Span
from ._spans import spans as spans
from ._timeline import write_timeline as write_timeline
from ._usage import Usage as Usage
from ._usage import usage as usage

for _public in (
    Box,
    BrokenTrace,
    Chart,
    DrawError,
    Meetings,
    Message,
    Met,
    Node,
    Picture,
    Repeated,
    Span,
    Stamped,
    Trace,
    TraceFile,
    Usage,
    Wire,
    as_mermaid,
    as_svg,
    as_text,
    chart,
    chart_as_mermaid,
    chart_as_text,
    meetings,
    picture_of,
    picture_of_main,
    short_names,
    spans,
    stamped,
    usage,
    write_timeline,
):
    _public.__module__ = __name__  # let tracebacks name this module
del _public
