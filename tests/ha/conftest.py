"""What these tests start: two controllers on one PostgreSQL database, an agent, and programs, all of them real."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("cli", "e2e")]
