"""A scripted controller and an agent for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest_asyncio
from agent_process import AgentProcess
from scripted_controller import ScriptedController, scripted_controller


@pytest_asyncio.fixture
async def controller() -> AsyncIterator[ScriptedController]:
    async with scripted_controller() as running:
        yield running


@pytest_asyncio.fixture
async def agent(controller: ScriptedController) -> AsyncIterator[AgentProcess]:
    # Not tmp_path: a socket's path must be short.
    with TemporaryDirectory(prefix="gpool-agent-") as folder:
        process = AgentProcess(Path(folder), controller.url)
        try:
            yield process
        finally:
            process.clean_up()
            if process.process is not None:
                await process.wait()
