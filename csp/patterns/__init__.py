"""Ready-made processes, to be wired together: JCSP's and PyCSP's plugNplay, and more.

    from csp import patterns

    await Par(
        patterns.counter(a.sender()),
        patterns.map(str, a.receiver(), b.sender()),
        patterns.printer(b.receiver()),
    )

Each takes what it needs to know, then its inputs, then its outputs; so `functools.partial(map, str)` is
a stage of a `pipeline`.  Three names are those of builtins: import the module, not the names.

A process of these ends quietly when its input has ended, or when it sends and nobody receives any more;
its ends retire, so that a network winds down by itself from either side.  Poison ends it too, and passes
on to all its ends.  If its input was abandoned by a process that failed it fails with Abandoned.  What
it had in hand then is dropped.  The docstrings say what is particular.

Reading order:

    _sources    emit  counter  ticker
    _sinks      collect  fold  sink  printer
    _streams    identity  prefix  successor  map  filter  scan  take  drop  batch  flatten
    _timed      delay  regulate
    _joining    merge  pri_merge  multiplex  plus  gather  zip
    _spreading  delta  seq_delta  copy_to_all  split  scatter  demultiplex
    _pipeline   pipeline
    _farm       farm
"""

from ._farm import farm as farm
from ._joining import gather as gather
from ._joining import merge as merge
from ._joining import multiplex as multiplex
from ._joining import plus as plus
from ._joining import pri_merge as pri_merge
from ._joining import zip as zip
from ._pipeline import Stage as Stage
from ._pipeline import pipeline as pipeline
from ._sinks import collect as collect
from ._sinks import fold as fold
from ._sinks import printer as printer
from ._sinks import sink as sink
from ._sources import counter as counter
from ._sources import emit as emit
from ._sources import ticker as ticker
from ._spreading import copy_to_all as copy_to_all
from ._spreading import delta as delta
from ._spreading import demultiplex as demultiplex
from ._spreading import scatter as scatter
from ._spreading import seq_delta as seq_delta
from ._spreading import split as split
from ._streams import batch as batch
from ._streams import drop as drop
from ._streams import filter as filter
from ._streams import flatten as flatten
from ._streams import identity as identity
from ._streams import map as map
from ._streams import prefix as prefix
from ._streams import scan as scan
from ._streams import successor as successor
from ._streams import take as take
from ._timed import delay as delay
from ._timed import regulate as regulate

for _public in (
    batch, collect, copy_to_all, counter, delay, delta, demultiplex, drop, emit, farm, filter, flatten,
    fold, gather, identity, map, merge, multiplex, pipeline, plus, prefix, pri_merge, printer, regulate,
    scan, scatter, seq_delta, sink, split, successor, take, ticker, zip,
):  # fmt: skip
    _public.__module__ = __name__  # let tracebacks name this module
del _public
