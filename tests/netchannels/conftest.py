"""What the tests of the network share."""

from __future__ import annotations

import pytest

from netchannels import _staff


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are started again at once: how long a pool waits before that is in test_staff.py."""
    monkeypatch.setattr(_staff, "FIRST_PAUSE", 0.0)
