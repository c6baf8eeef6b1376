"""The expert door: offers, the kernel of a run, the synchronous observer hook."""

from .._observe import Event as Event
from .._offer import Party as Party
from .._offer import Watch as Watch
from .._parking import Kernel as Kernel
from .._parking import current_kernel as current_kernel
from .._rendezvous import Rendezvous as Rendezvous
from .._watch import on_event as on_event
