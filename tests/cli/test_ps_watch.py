"""`gpool ps --watch` as a process, against a controller."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from stage.process import PATIENCE_S, WireAgent, controller_process, environment


async def test_a_line_for_what_is_and_for_every_change(tmp_path: Path) -> None:
    async with controller_process(tmp_path) as controller:
        waiting = (await controller.http.post("/api/v1/leases", json={})).json()["id"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gpool", "ps", "--watch", "--json"),
            env=environment(controller.home),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None

        async def until(state: str) -> None:
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    line = await process.stdout.readline()
                    assert line, "gpool ps ended"
                    lease = json.loads(line)
                    assert lease["id"] == waiting
                    if lease["state"] == state:
                        return

        try:
            await until("pending")
            async with WireAgent.connect(controller.url, controller.token("join"), "a", 8) as agent:
                await agent.join()
                await until("active")
                await controller.http.delete(f"/api/v1/leases/{waiting}")
                await until("ending")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
