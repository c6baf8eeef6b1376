"""The channels of `csp`, between programs and machines, over trio streams.

Reading order, which is the order of imports:

    _errors  _numbers  wire (frames events port liveness outbox connection)
    _address  _transport                                         streams
    _secret  _certificate  _hello  _handshake  _rate  _entrance  who gets in
    _nesting  _shape  _fingerprint  _codec  _passage             what gets in
    _counters  _ports  _link                                     what hangs on a link
    _status  _news  _shared  _lookup  _inside  _node  _serve     a node
    placement (_site  _greeting  _target  _said
               _placed  _program  _cleaner)                      programs elsewhere
    _batches  _work  worker  placement (_there)                  what they do
    _requests  _asking  _attempts  _sizes                        requests
    _members  _staff  _progress  _pool  _map_reduce              pools

DEVELOPING.md says what each of them is about.
"""

from csp import DeliveryUnknown as DeliveryUnknown
from csp import LinkLost as LinkLost

from ._certificate import Certificate as Certificate
from ._certificate import user_contexts as user_contexts
from ._codec import EncodeFailed as EncodeFailed
from ._counters import Counters as Counters
from ._errors import HandshakeError as HandshakeError
from ._errors import NameRefused as NameRefused
from ._errors import NetworkError as NetworkError
from ._errors import ProtocolError as ProtocolError
from ._errors import SecretError as SecretError
from ._errors import TypeRefused as TypeRefused
from ._map_reduce import map_reduce as map_reduce
from ._members import WorkerStatus as WorkerStatus
from ._node import Node as Node
from ._pool import Pool as Pool
from ._pool import PoolFailed as PoolFailed
from ._pool import pool as pool
from ._ports import RemoteError as RemoteError
from ._secret import Secret as Secret
from ._secret import keygen as keygen
from ._secret import secret as secret
from ._serve import connect as connect
from ._serve import over as over
from ._serve import serve as serve
from ._status import LinkStatus as LinkStatus
from ._status import NodeEvent as NodeEvent
from ._status import NodeStatus as NodeStatus
from ._status import PeerJoined as PeerJoined
from ._status import PeerLeft as PeerLeft
from ._status import PeerLost as PeerLost
from ._status import PeerRecovered as PeerRecovered
from ._status import PeerRefused as PeerRefused
from ._status import PeerSuspect as PeerSuspect
from .placement import CannotStart as CannotStart
from .placement import Cores as Cores
from .placement import DaskCluster as DaskCluster
from .placement import Hosts as Hosts
from .placement._placed import ProgramLost as ProgramLost


def _say_where_they_are_found() -> None:
    """Let tracebacks name this module: `netchannels.HandshakeError`."""
    for value in globals().values():
        if getattr(value, "__module__", "").startswith(f"{__name__}."):
            value.__module__ = __name__


_say_where_they_are_found()
