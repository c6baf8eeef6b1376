"""Send, receive and retire from ordinary threads, on ends that were detached with `end.detach()`."""

from ._bridge import receive as receive
from ._bridge import retire as retire
from ._bridge import send as send
from ._places import say_where_they_are_found as _say_where_they_are_found

_say_where_they_are_found(globals(), __name__)
