"""``python -m openenv_tasksets.cli``: the command where its script is not on the path."""

import sys

from openenv_tasksets.cli.app import main

sys.exit(main())
