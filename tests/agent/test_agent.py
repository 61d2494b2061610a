"""The agent as a process, between a scripted controller and a scripted workerd."""

from __future__ import annotations

import asyncio
import http
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from agent_process import AgentProcess
from scripted_controller import KEY, PATIENCE_S, ScriptedController, scripted_controller

from gpool.channel.messages import Desired, DesiredLease, Refused
from gpool.hardware.emulated import emulated_faults_file, emulated_uuid
from gpool.hardware.host import boot_id
from gpool.model.gpu import LeaseUse, SessionUse
from gpool.model.lease import Vgpu

GPU = emulated_uuid("node-t", 0)
GOLDEN = Path(__file__).parents[1] / "channel" / "golden" / "protocol-2"
OPEN = 'session id=1 lease=l-abc pid=11 client=22 host=far command="python train.py" state=open'


def lease(lease_id: str) -> DesiredLease:
    vgpu = Vgpu(ordinal=0, node="node-t", gpu_uuid=GPU, memory_bytes=1 << 20, compute_permille=1000)
    return DesiredLease(id=lease_id, vgpus=(vgpu,))


async def up(agent: AgentProcess, controller: ScriptedController, *more: str) -> None:
    """The agent is connected, its workerd ready, and the first desired state in force."""
    hellos = len(controller.hellos)
    await agent.start(*more)
    await controller.until(lambda: len(controller.hellos) == hellos + 1)
    await controller.until_observed(lambda seen: seen.tcp is not None and seen.desired_counter == 1)


async def test_it_says_who_it_is_and_what_it_has(agent: AgentProcess, controller: ScriptedController) -> None:
    await up(agent, controller)
    (hello,) = controller.hellos
    assert (hello.node, hello.boot_id) == ("node-t", boot_id())
    assert controller.authorizations == ["Bearer node-token"]
    seen = controller.observed
    assert seen is not None
    assert [gpu.uuid for gpu in seen.gpus] == [GPU, emulated_uuid("node-t", 1)]
    assert all(gpu.emulated and gpu.memory_bytes == 1 << 30 for gpu in seen.gpus)
    assert (seen.tcp, seen.unix_path) == ("127.0.0.1:41234", f"{agent.state}/workerd.sock")


async def test_workerd_is_started_with_the_emulator_and_fed(
    agent: AgentProcess, controller: ScriptedController
) -> None:
    await up(agent, controller)
    (start,) = agent.starts()
    assert start["options"] == {
        "--node": "node-t",
        "--state": str(agent.state),
        "--driver": str(agent.native / "emulator"),
        "--tcp": "127.0.0.1:0",
        "--grace": "30",
        "--image-cache": f"{agent.state.parent}/gpool/images",
        "--image-cache-bytes": str(4 << 30),
        "--warm-workers": "1",
    }
    assert start["environment"]["GPOOL_EMULATOR_GPUS"] == "2"
    assert start["environment"]["GPOOL_EMULATOR_MEMORY"] == str(1 << 30)
    assert start["environment"]["GPOOL_EMULATOR_NODE"] == "node-t"
    key, gpus, *_ = agent.heard()
    assert key == f"key {KEY}"
    assert gpus == f"gpus {GPU},{emulated_uuid('node-t', 1)}"


async def test_what_the_node_keeps_for_programs_can_be_set(agent: AgentProcess, controller: ScriptedController) -> None:
    agent.words += ["--image-cache", "/images", "--image-cache-size", "0", "--warm-workers", "0"]
    await up(agent, controller)
    (start,) = agent.starts()
    kept = {name: start["options"][name] for name in ("--image-cache", "--image-cache-bytes", "--warm-workers")}
    assert kept == {"--image-cache": "/images", "--image-cache-bytes": "0", "--warm-workers": "0"}


async def test_sessions_and_use_are_reported(agent: AgentProcess, controller: ScriptedController) -> None:
    await up(agent, controller)
    await controller.desire(2, lease("l-abc"))
    agent.happens(
        OPEN,
        f"usage lease=l-abc gpu={GPU} bytes=4096 limit=1048576",
        f"activity session=1 gpu={GPU} bytes=4096 busy=250",
    )
    seen = await controller.until_observed(lambda seen: bool(seen.sessions))
    (session,) = seen.sessions
    assert (session.id, session.lease, session.client_pid, session.worker_pid) == (1, "l-abc", 22, 11)
    assert (session.client_host, session.command) == ("far", "python train.py")
    used = LeaseUse(lease="l-abc", gpu_uuid=GPU, memory_used_bytes=4096)
    await controller.until(lambda: controller.heartbeats[-1:] != [] and used in controller.heartbeats[-1].lease_use)
    assert [use.memory_used_bytes for use in controller.heartbeats[-1].gpu_use] == [4096, 0]
    doing = SessionUse(session=1, gpu_uuid=GPU, memory_used_bytes=4096, compute_busy_permille=250)
    await controller.until(lambda: controller.heartbeats[-1].session_use == (doing,))
    assert [use.compute_busy_permille for use in controller.heartbeats[-1].gpu_use] == [250, 0]
    agent.happens('session id=1 lease=l-abc state=closed reason=client-closed detail=""')
    await controller.until_observed(lambda seen: not seen.sessions)


async def test_a_lease_that_is_no_longer_desired_is_revoked(
    agent: AgentProcess, controller: ScriptedController
) -> None:
    """Its end is confirmed only when workerd has taken the revocation and the sessions are gone."""
    (agent.state / "slow-to-revoke").touch()
    await up(agent, controller)
    await controller.desire(2, lease("l-abc"))
    agent.happens(OPEN)
    await controller.until_observed(lambda seen: seen.desired_counter == 2 and bool(seen.sessions))
    await controller.desire(3, revoked=("l-abc",))
    seen = await controller.until_observed(lambda seen: seen.desired_counter == 3)
    assert [session.lease for session in seen.sessions] == ["l-abc"]
    assert "revoke l-abc" in agent.heard()
    agent.happens("session id=1 lease=l-abc state=closed reason=revoked detail=x")
    seen = await controller.until_observed(lambda seen: not seen.sessions)
    assert seen.desired_counter == 3


async def test_a_session_that_is_earlier_than_its_lease_is_left_alone(
    agent: AgentProcess, controller: ScriptedController
) -> None:
    """A ticket may be used before the `desired` that holds its lease has arrived."""
    await up(agent, controller)
    agent.happens(OPEN)
    await controller.until_observed(lambda seen: bool(seen.sessions))
    await controller.desire(2)
    await controller.until_observed(lambda seen: seen.desired_counter == 2)
    await controller.desire(3, lease("l-abc"))
    seen = await controller.until_observed(lambda seen: seen.desired_counter == 3)
    assert seen.sessions
    assert not any(line.startswith("revoke") for line in agent.heard())


async def test_a_workerd_that_dies_is_started_again(agent: AgentProcess, controller: ScriptedController) -> None:
    await up(agent, controller)
    await controller.desire(2, revoked=("l-old",))
    agent.happens(OPEN)
    await controller.until_observed(lambda seen: seen.desired_counter == 2 and bool(seen.sessions))
    agent.happens("!die")
    await controller.until_observed(lambda seen: seen.tcp is None and not seen.sessions)
    await controller.until_observed(lambda seen: seen.tcp is not None)
    assert len(agent.starts()) == 2
    # The new one knows no tickets; it must refuse those of leases that are over, too.
    heard = agent.heard()
    assert heard[-1 - heard[::-1].index(f"key {KEY}") :][1] == "revoke l-old"


async def test_a_lost_connection_is_made_again(agent: AgentProcess, controller: ScriptedController) -> None:
    await up(agent, controller)
    agent.happens(OPEN)
    await controller.until_observed(lambda seen: bool(seen.sessions))
    controller.first_desired = Desired(counter=1, leases=(lease("l-abc"),))
    await controller.hang_up()
    await controller.until(lambda: len(controller.hellos) == 2)
    seen = await controller.until_observed(lambda seen: seen.desired_counter == 1 and bool(seen.sessions))
    assert controller.hellos[0].generation == controller.hellos[1].generation
    assert seen.counter >= 1
    assert len(agent.starts()) == 1


async def test_leases_that_ended_while_nobody_was_connected_are_revoked(
    agent: AgentProcess, controller: ScriptedController
) -> None:
    await up(agent, controller)
    await controller.desire(2, lease("l-abc"))
    agent.happens(OPEN)
    await controller.until_observed(lambda seen: bool(seen.sessions))
    await controller.hang_up()
    await controller.until_observed(lambda seen: seen.desired_counter == 1 and not seen.sessions)
    assert "revoke l-abc" in agent.heard()


async def test_the_next_agent_adopts_workerd_and_its_sessions(
    agent: AgentProcess, controller: ScriptedController
) -> None:
    await up(agent, controller)
    await controller.desire(2, lease("l-abc"), lease("l-old"))
    agent.happens(OPEN, "session id=2 lease=l-old pid=1 client=2 host=far command=x state=open")
    await controller.until_observed(lambda seen: len(seen.sessions) == 2)
    await agent.kill()
    controller.first_desired = Desired(counter=1, leases=(lease("l-abc"),))
    await agent.start()
    await controller.until(lambda: len(controller.hellos) == 2)
    seen = await controller.until_observed(lambda seen: seen.desired_counter == 1 and len(seen.sessions) == 1)
    assert seen.sessions[0].lease == "l-abc"
    assert len(agent.starts()) == 1
    assert controller.hellos[1].generation > controller.hellos[0].generation


async def test_a_workerd_of_other_settings_is_replaced(agent: AgentProcess, controller: ScriptedController) -> None:
    await up(agent, controller)
    await agent.kill()
    await up(agent, controller, "--emulate-memory", "2GiB")
    assert [start["environment"]["GPOOL_EMULATOR_MEMORY"] for start in agent.starts()] == [str(1 << 30), str(2 << 30)]
    assert agent.heard().count("quit") == 1


async def test_an_orderly_stop_ends_workerd(agent: AgentProcess, controller: ScriptedController) -> None:
    await up(agent, controller)
    agent.happens(OPEN)
    await controller.until_observed(lambda seen: bool(seen.sessions))
    assert await agent.stop() == 0
    assert not agent.workerd_lives()
    assert agent.heard()[-1] == "quit"
    seen = controller.observed
    assert seen is not None
    assert (seen.sessions, seen.tcp) == ((), None)


async def test_a_refusal_for_good_ends_the_agent(agent: AgentProcess, controller: ScriptedController) -> None:
    controller.refuse = Refused(
        reason="agent 0.1.0 speaks protocol 1, the controller 9; install the same gpool on both"
    )
    await agent.start()
    code, said = await agent.end()
    assert code == 125
    assert said.endswith("gpool: agent 0.1.0 speaks protocol 1, the controller 9; install the same gpool on both\n")


async def test_a_refusal_for_now_is_tried_again(agent: AgentProcess, controller: ScriptedController) -> None:
    controller.refuse = Refused(reason="another agent is connected as node-t", retry=True)
    await agent.start()
    await controller.until(lambda: len(controller.hellos) == 2)
    controller.refuse = None
    await controller.until_observed(lambda seen: seen.tcp is not None)


async def test_a_wrong_token(agent: AgentProcess, controller: ScriptedController) -> None:
    controller.answer_status = http.HTTPStatus.UNAUTHORIZED
    await agent.start()
    code, said = await agent.end()
    assert code == 125
    assert "the controller does not take this token for an agent" in said


async def test_a_workerd_that_cannot_start(agent: AgentProcess, controller: ScriptedController) -> None:
    (agent.state / "refuse-to-start").touch()
    await agent.start()
    code, said = await agent.end()
    assert code == 125
    assert "the driver is not there" in said
    assert "gpool-workerd ended at its start with code 1" in said


async def test_two_agents_on_one_folder(agent: AgentProcess, controller: ScriptedController) -> None:
    await up(agent, controller)
    first, agent.process = agent.process, None
    try:
        await agent.start()
        code, said = await agent.end()
    finally:
        agent.process = first
    assert code == 125
    assert "another agent holds" in said


async def test_an_agent_that_starts_before_the_controller(agent: AgentProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        port = silent.getsockname()[1]
        agent.words[1] = f"http://127.0.0.1:{port}"
        await agent.start()
        async with asyncio.timeout(PATIENCE_S):
            attempt, _ = await asyncio.get_running_loop().sock_accept(silent)
        attempt.close()
    async with scripted_controller(port) as late:
        await late.until_observed(lambda seen: seen.tcp is not None)
        assert await agent.stop() == 0
        assert "no connection to the controller" in agent.stderr.read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--name", "Node_1"], "'Node_1' is no node name"),
        (["--emulate", "0"], "0 emulated GPUs cannot be"),
        (["--emulate-memory", "much"], "'much' is not a memory size"),
        (["--join", "somewhere"], "'somewhere' is not the address of a controller"),
        (["--listen-data", "7071"], "'7071' is not an address to listen on"),
        (["--label", "zone"], "'zone' is no label; write KEY=VALUE"),
        (["--state", "/x" * 60], "is too long for sockets"),
    ],
)
async def test_bad_input_gets_one_sentence(words: list[str], sentence: str, agent: AgentProcess) -> None:
    await agent.start(*words)
    code, said = await agent.end()
    assert code == 125
    assert sentence in said
    assert said.count("\n") == 1


async def test_an_older_controller_hears_nothing_that_it_does_not_know(agent: AgentProcess) -> None:
    def shape(text: str) -> Any:
        parts = json.loads(text).items()
        return {name: sorted(part[0]) if isinstance(part, list) and part else None for name, part in parts}

    golden = {path.stem: shape(path.read_text()) for path in GOLDEN.glob("*.json")}
    async with scripted_controller(old=True) as older:
        agent.words[1] = older.url
        # It is an old controller's own words that the agent hears.
        older.first_desired = Desired.model_validate_json(
            (Path(__file__).parents[1] / GOLDEN / "desired.json").read_text()
        )
        await agent.start("--label", "zone=east")
        agent_seen = older.until_observed(lambda seen: seen.desired_counter == 1)
        await agent_seen
        agent.happens(
            OPEN, f"usage lease=l-abc gpu={GPU} bytes=1 limit=2", f"activity session=1 gpu={GPU} bytes=1 busy=1"
        )
        await older.until_observed(lambda seen: bool(seen.sessions))
        await older.until(lambda: bool(older.heartbeats and older.heartbeats[-1].session_use))
        for text in older.texts:
            kind = json.loads(text)["kind"]
            assert shape(text).keys() == golden[kind].keys()
            for name, fields in shape(text).items():
                assert fields in (None, golden[kind][name]), (kind, name)
        assert older.hellos[0].protocol == 2
        assert await agent.stop() == 0


async def test_an_agent_hands_over_to_a_newer_one_in_the_middle_of_a_program(
    agent: AgentProcess, controller: ScriptedController
) -> None:
    """The newer one is installed elsewhere: it adopts the old workerd while there are programs, then replaces it."""
    controller.first_desired = Desired(counter=1, leases=(lease("l-abc"),))
    await up(agent, controller)
    agent.happens(OPEN)
    await controller.until_observed(lambda seen: bool(seen.sessions))
    assert agent.process is not None
    agent.process.send_signal(signal.SIGHUP)
    assert await agent.wait() == 0
    assert agent.workerd_lives()
    newer = agent.native.with_name("native-2")
    newer.symlink_to(agent.native)
    agent.environment["GPOOL_NATIVE"] = str(newer)
    await agent.start("--label", "zone=east", "--label", "rack=7")
    await controller.until(lambda: len(controller.hellos) == 2)
    seen = await controller.until_observed(lambda seen: seen.desired_counter == 1 and bool(seen.sessions))
    assert seen.sessions[0].lease == "l-abc"
    assert len(agent.starts()) == 1
    assert (controller.hellos[0].labels, controller.hellos[1].labels) == ({}, {"zone": "east", "rack": "7"})
    await controller.desire(2)
    await controller.until_observed(lambda seen: seen.desired_counter == 2 and not seen.sessions)
    await controller.until_observed(lambda seen: len(agent.starts()) == 2 and seen.tcp is not None)


async def test_a_fault_is_reported_and_an_applications_own_is_not(
    agent: AgentProcess, controller: ScriptedController
) -> None:
    await up(agent, controller)
    assert controller.observed is not None
    assert controller.observed.faults == ()
    folder = Path(agent.environment["XDG_RUNTIME_DIR"]) / "gpool"
    (folder / emulated_faults_file("node-t")).write_text("0 xid 13\n1 xid 79\n0 row-remap\n7 ecc\nrubbish\n")
    seen = await controller.until_observed(lambda seen: bool(seen.faults))
    assert seen.faults is not None
    assert [(fault.gpu_uuid, fault.sentence) for fault in seen.faults] == [
        (emulated_uuid("node-t", 1), "XID 79 (the GPU has fallen off the bus)"),
        (emulated_uuid("node-t", 0), "row-remap (injected)"),
    ]
    await agent.stop()
    assert agent.stderr.read_text().count("a GPU of this node is sick") == 2
