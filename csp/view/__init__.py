"""Pictures of process networks.

_picture _recording _building _as_text _as_mermaid _layout _sheet _as_svg
"""

from ._as_mermaid import as_mermaid as as_mermaid
from ._as_svg import as_svg as as_svg
from ._as_text import as_text as as_text
from ._building import picture_of as picture_of
from ._building import picture_of_main as picture_of_main
from ._picture import Box as Box
from ._picture import Node as Node
from ._picture import Picture as Picture
from ._picture import Wire as Wire
from ._recording import DrawError as DrawError

for _public in (
    Box,
    DrawError,
    Node,
    Picture,
    Wire,
    as_mermaid,
    as_svg,
    as_text,
    picture_of,
    picture_of_main,
):
    _public.__module__ = __name__  # let tracebacks name this module
del _public
