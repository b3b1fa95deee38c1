"""`python -m ostinato` is the command `ostinato` of that very interpreter."""

import sys

from ostinato.cli.main import main

sys.exit(main())
