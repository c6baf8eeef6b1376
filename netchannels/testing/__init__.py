"""The public test kit: links that injure themselves, by order and always in the same way."""

from ._faults import Direction as Direction
from ._faults import FaultyStream as FaultyStream
from ._faults import dial_twice as dial_twice
from ._faults import faulty_pair as faulty_pair
from ._linked import linked as linked

for _public in (FaultyStream, dial_twice, faulty_pair, linked):  # let tracebacks name this module
    _public.__module__ = __name__
del _public
