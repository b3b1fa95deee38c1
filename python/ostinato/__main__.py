"""`python -m ostinato` runs the command `ostinato` with this interpreter."""

import sys

from ostinato.cli.main import main

sys.exit(main())
