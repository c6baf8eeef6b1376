"""What all tests share: the header says on which scheduling path they run.

`CSP_LEND=0 pytest` takes the one that rests on trio alone.
"""

from __future__ import annotations

import os


def pytest_report_header() -> str:
    return f"csp: turns are {'not ' if os.environ.get('CSP_LEND') == '0' else ''}lent"
