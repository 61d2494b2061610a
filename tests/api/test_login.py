"""People log in with an identity provider, a real one on loopback."""

import asyncio
import json
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gpool.api.app import create_app
from gpool.channel.conversation import ChannelTimes
from gpool.errors import CannotStart
from gpool.security.identity import IdentityProvider, IdentitySettings, read_identity_settings
from harness.issuer import CLIENT, Issuer, issuer
from stage.pool import PoolStage
from stage.process import controller_process, run_gpool

RULES = """
[[rules]]
claim = "groups"
value = "platform"
role = "operator"

[[rules]]
claim = "realm_access.roles"
value = "vision"
queue = "vision"
queue_only = true
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Issuer]:
    with issuer() as serving:
        yield serving


def settings_of(provider: Issuer) -> str:
    return f'issuer = "{provider.url}"\nclient_id = "{CLIENT}"\n{RULES}'


async def log_in(stage: PoolStage, provider: Issuer, id_token: str) -> httpx2.Response:
    settings = IdentitySettings.model_validate(tomllib.loads(settings_of(provider)))
    app = create_app(stage.pool, ChannelTimes(), identity_provider=IdentityProvider(settings))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://pool") as http:
        return await http.post("/api/v1/login", json={"id_token": id_token})


async def test_claims_become_a_role_and_a_scope_until_the_login_ends(stage: PoolStage, provider: Issuer) -> None:
    ann = {"email": "ann@example.com", "groups": ["all", "platform"], "realm_access": {"roles": ["vision"]}}
    made = await log_in(stage, provider, provider.id_token(**ann))
    token = made.json()["token"]
    assert (made.status_code, token["name"], token["role"], token["subject"]) == (201, ann["email"], "operator", "s-1")
    headers = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert (await stage.http.get("/api/v1/nodes", headers=headers)).status_code == 200
    assert (await stage.http.get("/api/v1/tokens", headers=headers)).status_code == 403

    bob = {"email": "bob@example.com", "realm_access": {"roles": ["vision"]}}
    token = (await log_in(stage, provider, provider.id_token(**bob))).json()["token"]
    assert (token["role"], token["queue"], token["queue_only"]) == ("user", "vision", True)
    nobody = await log_in(stage, provider, provider.id_token(email="eve@example.com", groups="all"))
    assert (nobody.status_code, "no rule of this pool lets 'eve@example.com' in" in nobody.text) == (403, True)

    stage.clock.advance(7 * 86_400)
    answer = await stage.http.get("/api/v1/nodes", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:gpool:problem:token-expired")
    stage.clock.advance(stage.pool.times.keep_ended_s + 1)
    assert await stage.pool.forget_old_logins() == 2
    assert {token.name for token in stage.pool.tokens.values()} == {"root", "ann", "bob", "nodes"}


async def test_a_login_ends_by_logging_out_and_other_tokens_do_not(stage: PoolStage, provider: Issuer) -> None:
    made = await log_in(stage, provider, provider.id_token(email="ann@example.com", groups="platform"))
    headers = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert (await stage.http.delete("/api/v1/login", headers=headers)).status_code == 200
    assert (await stage.http.get("/api/v1/nodes", headers=headers)).status_code == 401
    assert (await stage.http.delete("/api/v1/login", headers=stage.as_("ann"))).status_code == 409
    log = (await stage.http.get("/api/v1/audit", headers=stage.as_("root"))).json()["items"]
    assert [(entry["actor"], entry["action"]) for entry in log] == [
        ("ann@example.com", "token.revoke"),
        ("ann@example.com", "login"),
    ]


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({"aud": "another"}, 401, "audience"),
        ({"iss": "https://elsewhere.example"}, 401, "issuer"),
        ({"exp": int(time.time()) - 120}, 401, "expired"),
        ({"exp": None}, 401, '\\"exp\\"'),
        ({"sub": None}, 401, '\\"sub\\"'),
        ({"email": None}, 403, "has no claim 'email'"),
        ({"email_verified": False}, 403, "has not verified"),
        ({"email": "a b@example.com"}, 403, "cannot be a name in this pool"),
    ],
)
async def test_id_tokens_that_are_not_for_us(
    stage: PoolStage, provider: Issuer, claims: dict[str, Any], status: int, words: str
) -> None:
    token = provider.id_token(**({"email": "ann@example.com", "groups": "platform"} | claims))
    answer = await log_in(stage, provider, token)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert len(stage.pool.tokens) == 4


async def test_id_tokens_that_the_issuer_has_not_signed(stage: PoolStage, provider: Issuer) -> None:
    good = provider.id_token(email="ann@example.com", groups="platform")
    head, body, signature = good.split(".")
    stranger = Issuer()
    stranger.url = provider.url
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = (
        stranger.id_token(email="ann@example.com", groups="platform"),
        f"{head}.{body}.{signature[:-4]}AAAA",
        jwt.encode(claims, None, algorithm="none"),
        # The public key is no secret, so a signature made with it as one is nobody's.
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "first"}),
        "nonsense",
        "",
    )
    for text in forged:
        answer = await log_in(stage, provider, text)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:gpool:problem:login-refused"), answer.text


async def test_a_key_that_the_issuer_has_changed_is_found(provider: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpool.security.identity._KEYS_ASKED_EVERY_S", 0)
    settings = IdentitySettings.model_validate(tomllib.loads(settings_of(provider)))
    identity = IdentityProvider(settings)
    ann = {"email": "ann@example.com", "groups": "platform"}
    assert (await asyncio.to_thread(identity.identify, provider.id_token(**ann))).name == ann["email"]
    provider.keys["second"] = ec.generate_private_key(ec.SECP256R1())
    found = await asyncio.to_thread(identity.identify, provider.id_token(key="second", **ann))
    assert (found.name, found.rule.role) == (ann["email"], "operator")


async def test_an_issuer_that_is_away_is_told_as_that(stage: PoolStage) -> None:
    with issuer() as gone:
        token = gone.id_token(email="ann@example.com")
    answer = await log_in(stage, gone, token)
    assert (answer.status_code, "log in again later" in answer.text) == (503, True)


async def test_where_nobody_logs_in(stage: PoolStage) -> None:
    for method in ("GET", "POST"):
        answer = await stage.http.request(method, "/api/v1/login", json={"id_token": "x"})
        assert (answer.status_code, "ask an administrator for a token" in answer.text) == (404, True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("http://127.0.0.1", "http://login.example", "an issuer has an https:// address"),
        ('value = "platform"\n', "", "rule 1: claim and value belong together"),
        ('role = "operator"', 'role = "node"', "rule 1: nobody logs in as a node"),
        ('queue = "vision"\n', "", "rule 2: queue_only: a token that is for one queue alone has to name it"),
        ("client_id", "client", "client_id: field required"),
        ("[[rules]]", "[[rules", "is not toml"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, provider: Issuer, old: str, new: str, words: str) -> None:
    file = tmp_path / "oidc.toml"
    file.write_text(settings_of(provider))
    read_identity_settings(file)
    file.write_text(settings_of(provider).replace(old, new, 1))
    with pytest.raises(CannotStart) as refused:
        read_identity_settings(file)
    assert words in str(refused.value).lower() or words in str(refused.value)


async def test_gpool_login_from_the_code_to_the_pool(tmp_path: Path, provider: Issuer) -> None:
    (tmp_path / "oidc.toml").write_text(settings_of(provider))
    async with controller_process(tmp_path, "--oidc", str(tmp_path / "oidc.toml"), "--no-client-file") as controller:
        provider.person = {"email": "ann@example.com", "groups": ["platform"]}
        code, said, told = await run_gpool(tmp_path, "login", "--api", controller.url)
        assert code == 0, told
        assert said.startswith("You are ann@example.com (operator) until 20")
        assert f"Open {provider.url}/enter\nand enter the code ABCD-EFGH" in told
        code, said, told = await run_gpool(tmp_path, "ps", "--json")
        assert (code, json.loads(said)) == (0, []), told
        provider.person, provider.polls = None, 0
        code, _, told = await run_gpool(tmp_path, "login")
        assert (code, "did not let you in (the person said no)" in told) == (125, True)
        assert (await run_gpool(tmp_path, "logout"))[0] == 0
        code, _, told = await run_gpool(tmp_path, "ps")
        assert (code, "carries no token" in told) == (125, True)
