"""Where programs run: on the cores of this machine, on other hosts, on a Dask cluster."""

from ._program import Placement as Placement
from ._site import CannotStart as CannotStart
from .cores import Cores as Cores
from .dask import DaskCluster as DaskCluster
from .hosts import Hosts as Hosts
