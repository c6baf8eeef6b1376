"""`python -m netchannels` is the command `netchannels`."""

import sys

from netchannels.cli import main

sys.exit(main())
