"""Where programs run: on the cores of this machine, on other hosts, on a Dask cluster."""

from ._program import Placement as Placement
from .cores import Cores as Cores
