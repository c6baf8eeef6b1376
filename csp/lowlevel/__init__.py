"""The expert door: offers, the kernel of a run, the synchronous observer hook.

A kernel of your own derives from `Kernel` and says how to park and wake; `install(kernel)` makes
it the one of this thread.

`description_of` and `channel_of` say what a process that has not started is made of.

`copies_elsewhere` makes processes of which the bodies run elsewhere.  `Taker` and `Giver` let somebody elsewhere take part in a channel: the network is made of them.

`assignable` says if a value of one type may stand where another type is wanted.

`@protected` keeps Ctrl-C out of a function and what it calls, up to where that waits.
"""

from .._description import ChannelDescription as ChannelDescription
from .._description import Description as Description
from .._description import channel_of as channel_of
from .._description import description_of as description_of
from .._elsewhere import copies_elsewhere as copies_elsewhere
from .._kernel import PARK as PARK
from .._kernel import PARKED as PARKED
from .._kernel import Holder as Holder
from .._kernel import Kernel as Kernel
from .._kernel import Nursery as Nursery
from .._kernel import Scope as Scope
from .._kernel import Waiting as Waiting
from .._latch import Latch as Latch
from .._lease import Settling as Settling
from .._offer import Item as Item
from .._offer import Party as Party
from .._offer import Standing as Standing
from .._offer import Watch as Watch
from .._parking import TrioKernel as TrioKernel
from .._parking import current_kernel as current_kernel
from .._parking import install as install
from .._parking import protected as protected
from .._rendezvous import Rendezvous as Rendezvous
from .._tentative import Given as Given
from .._tentative import Giver as Giver
from .._tentative import Taker as Taker
from .._tentative import home_of as home_of
from .._tentative import same_channel as same_channel
from .._tentative import take_over as take_over
from .._tentative import travelling as travelling
from .._types import assignable as assignable
from .._watch import on_event as on_event
