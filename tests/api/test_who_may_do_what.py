"""Every operation of the API, asked for with every role: what happens is what docs/reference/roles.md says."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from gpool.model.queue import QueueSettings
from gpool.model.token import Action, Role
from stage.pool import PoolStage, ScriptedNode, until
from stage.values import make_request

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "roles.md"
ROLES = ("admin", "operator", "user", "node")


def promised() -> dict[str, tuple[str, ...]]:
    """Operation → who may, as the page's table says."""
    rows = [
        line.strip()[1:-1].split("|")
        for line in PAGE.read_text().splitlines()
        if re.match(r"\| `\w+` \| `[A-Z]+ ", line)
    ]
    found = {}
    for operation, _route, _action, *marks in rows:
        may = tuple(role for role, mark in zip(ROLES, marks, strict=True) if mark.strip() == "yes")
        found[operation.strip().strip("`")] = may
    return found


async def as_role(stage: PoolStage, role: str) -> dict[str, str]:
    _, text = await stage.pool.make_token(f"the-{role}", Role(role))
    return {"Authorization": f"Bearer {text}"}


async def test_who_may_do_what_is_as_the_reference_says(stage: PoolStage) -> None:
    document = (await stage.http.get("/api/v1/openapi.json")).json()
    headers = {role: await as_role(stage, role) for role in ROLES}
    seen = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            url = re.sub(r"{\w+}", "nothing-here", path)
            query: Mapping[str, str] = {"timeout_s": "0.001"} if path.endswith("/watch") else {}
            may = []
            for role in ROLES:
                answer = await stage.http.request(method, url, params=query, headers=headers[role])
                assert answer.status_code not in (401, 500), (operation["operationId"], role, answer.text)
                if answer.status_code != 403:
                    may.append(role)
            anonymous = await stage.http.request(method, url, params=query)
            assert (anonymous.status_code == 401) == ("security" in operation), operation["operationId"]
            seen[operation["operationId"]] = tuple(may)
    assert seen == promised(), "an operation is missing in docs/reference/roles.md, or the page promises something else"


async def test_the_document_names_the_action_of_every_operation(stage: PoolStage) -> None:
    document = (await stage.http.get("/api/v1/openapi.json")).json()
    page = PAGE.read_text()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            actions = [action for entry in operation.get("security", ()) for action in entry["HTTPBearer"]]
            assert all(action in list(Action) for action in actions)
            shown = f"| `{operation['operationId']}` | `{method.upper()} {path}` | {' '.join(actions) or 'open'} |"
            assert shown in page, "docs/reference/roles.md lacks this row"


async def test_an_operator_releases_anybodys_lease_and_a_user_only_its_own(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request(gib=2))
    denied = await stage.http.delete(f"/api/v1/leases/{lease.id}", headers=stage.as_("bob"))
    assert (denied.status_code, "ask its owner or an operator" in denied.text) == (403, True)
    released = await stage.http.delete(f"/api/v1/leases/{lease.id}", headers=await as_role(stage, "operator"))
    assert (released.status_code, released.json()["state"]) == (200, "ending")


async def test_a_token_for_one_queue_is_good_there_and_below_it_alone(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    for name, parent in (("vision", "pool"), ("cars", "vision"), ("speech", "pool")):
        await stage.pool.put_queue(QueueSettings(name=name, parent=parent), "root")
    _, text = await stage.pool.make_token("lead", Role.OPERATOR, queue="vision", queue_only=True)
    lead = {"Authorization": f"Bearer {text}"}
    outcomes = {}
    for queue in (None, "vision", "cars", "speech", "pool"):
        body = {"memory_bytes": 1 << 30, "queue": queue}
        outcomes[queue] = (await stage.http.post("/api/v1/leases", json=body, headers=lead)).status_code
    assert outcomes == {None: 201, "vision": 201, "cars": 201, "speech": 403, "pool": 403}
    inside = await stage.pool.ask("ann", make_request(gib=1), default_queue="cars")
    outside = await stage.pool.ask("ann", make_request(gib=1), default_queue="speech")
    assert (await stage.http.delete(f"/api/v1/leases/{inside.id}", headers=lead)).status_code == 200
    answer = await stage.http.delete(f"/api/v1/leases/{outside.id}", headers=lead)
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "the token 'lead' is for queue vision alone, not for queue speech",
    )


async def test_a_read_only_token_sees_and_changes_nothing(stage: PoolStage) -> None:
    root = stage.as_("root")
    made = await stage.http.post(
        "/api/v1/tokens", json={"name": "eve", "role": "user", "actions": ["view"]}, headers=root
    )
    assert made.json()["token"]["actions"] == ["view"]
    eve = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert (await stage.http.get("/api/v1/leases", headers=eve)).status_code == 200
    answer = await stage.http.post("/api/v1/leases", json={}, headers=eve)
    assert (answer.status_code, "is scoped and does not allow 'lease'" in answer.text) == (403, True)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({"queue_only": True}, "has to name it"),
        ({"actions": ["tokens"]}, "the role user does not allow tokens"),
        ({"node": "node-7"}, "a token with the role user is no agent's"),
        ({"actions": []}, "at least 1 item"),
        ({"actions": ["fly"]}, "actions.0: input should be 'view', 'lease'"),
    ],
)
async def test_scopes_that_cannot_be_are_refused(stage: PoolStage, scope: dict[str, object], words: str) -> None:
    body = {"name": "eve", "role": "user", **scope}
    answer = await stage.http.post("/api/v1/tokens", json=body, headers=stage.as_("root"))
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text


async def test_a_watch_ends_with_its_token(stage: PoolStage) -> None:
    token, text = await stage.pool.make_token("eve", Role.USER, 60)
    stage.app.state.heartbeat_s = 0.01
    watching = stage.http.get("/api/v1/watch", headers={"Authorization": f"Bearer {text}"})
    revoked = asyncio.create_task(watching)
    await until(lambda: stage.pool.feed.watching == 1)
    await stage.pool.revoke_token(token.id)
    assert "event: synced" in (await revoked).text
    assert not stage.pool.is_good(token)
    token, _ = await stage.pool.make_token("eve", Role.USER, 60)
    assert stage.pool.is_good(token)
    stage.clock.advance(60)
    assert not stage.pool.is_good(token)


async def test_a_program_does_not_die_of_the_date_on_its_token_but_of_its_revocation(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    token, text = await stage.pool.make_token("eve", Role.USER, 10)
    eve = {"Authorization": f"Bearer {text}"}
    held = [
        (await stage.http.post("/api/v1/leases", json={"memory_bytes": 1 << 30}, headers=eve)).json()["id"]
        for _ in "ab"
    ]
    stage.clock.advance(11)
    assert (await stage.http.post("/api/v1/leases", json={}, headers=eve)).status_code == 401
    assert (await stage.http.get("/api/v1/leases", headers=eve)).status_code == 401
    assert (await stage.http.post(f"/api/v1/leases/{held[0]}/renew", headers=eve)).status_code == 200
    assert (await stage.http.delete(f"/api/v1/leases/{held[0]}", headers=eve)).status_code == 200
    _, late = await stage.pool.make_token("oncall", Role.OPERATOR, 1)
    stage.clock.advance(1)
    other = await stage.http.delete(f"/api/v1/leases/{held[1]}", headers={"Authorization": f"Bearer {late}"})
    assert other.status_code == 403, "that is for one's own leases alone"
    await stage.pool.revoke_token(token.id)
    assert (await stage.http.post(f"/api/v1/leases/{held[1]}/renew", headers=eve)).status_code == 401
