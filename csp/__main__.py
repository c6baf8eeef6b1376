"""`python -m csp` is the command `csp`."""

import sys

from csp.cli import main

sys.exit(main())
