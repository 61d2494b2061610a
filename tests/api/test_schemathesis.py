"""The API does what its own description says, whatever is asked: requests that schemathesis makes from it."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from stage.process import PATIENCE_S, WireAgent, controller_process

HERE = Path(__file__).parent
SEED = 1
EXAMPLES = 6
FUZZING_S = 22
"""Bounds the whole run; with this seed and so many examples it ends before, on an idle machine."""


async def test_the_api_is_as_it_is_described(tmp_path: Path) -> None:
    async with controller_process(tmp_path, "--rate-limit", "0") as controller:
        async with WireAgent.connect(controller.url, controller.token("join"), "a", 8, 8) as agent:
            await agent.join()
            obeying = asyncio.create_task(agent.obey_until_the_end())
            environment = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)}
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
                *("run", f"{controller.url}/api/v1/openapi.json", "--no-color", "--seed", str(SEED)),
                *("--max-examples", str(EXAMPLES), "--max-time", str(FUZZING_S), "--request-timeout", "10"),
                *("--header", f"Authorization: Bearer {controller.token('admin')}", "--generation-database", "none"),
                env=environment,
                cwd=tmp_path,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                async with asyncio.timeout(2 * PATIENCE_S):
                    told, _ = await process.communicate()
            except BaseException:
                process.kill()
                raise
            finally:
                obeying.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await obeying
        findings = told.decode()
        assert process.returncode == 0, findings
        described = (await controller.http.get("/api/v1/openapi.json")).json()["paths"]
        operations = sum(len(methods) for methods in described.values())
        assert f"{operations} selected / {operations} total" in findings, findings
