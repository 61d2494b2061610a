"""Fixtures; a conftest takes them up by importing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from stage.pool import PoolStage, open_pool


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[PoolStage]:
    """An empty pool in this process."""
    with capture_logs():
        async with open_pool(tmp_path / "gpool.db") as opened:
            yield opened
