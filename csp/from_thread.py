"""Send and receive from ordinary threads, on ends that were detached with `end.detach()`."""

from ._bridge import receive as receive
from ._bridge import send as send
