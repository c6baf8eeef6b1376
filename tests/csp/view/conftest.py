from __future__ import annotations

import pytest

from csp.view import Picture, picture_of

from .networks import NETWORKS


@pytest.fixture(params=list(NETWORKS))
def picture(request: pytest.FixtureRequest) -> Picture:
    """Of each network to be drawn."""
    process = NETWORKS[request.param]()
    try:
        return picture_of(process, title=request.param)
    finally:
        process.close()
