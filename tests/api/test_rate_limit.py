"""Nobody's loop slows the pool down for others."""

import httpx2

from gpool.api.app import create_app
from gpool.channel.conversation import ChannelTimes
from gpool.security.rate_limits import RateLimits
from stage.pool import PoolStage, ScriptedNode
from stage.values import make_request

# So slow that nothing flows in while the test runs.
LIMITS = RateLimits(token_per_s=0.001, token_burst=3, address_per_s=0.001, address_burst=2)


async def test_each_token_and_each_address_has_its_own_bound(stage: PoolStage) -> None:
    app = create_app(stage.pool, ChannelTimes(), LIMITS)
    await ScriptedNode.join(stage.pool, "a", 8)
    lease = await stage.pool.ask("ann", make_request(gib=2))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://pool") as http:

        async def statuses(path: str, times: int, headers: dict[str, str], method: str = "GET") -> list[int]:
            return [(await http.request(method, path, headers=headers)).status_code for _ in range(times)]

        assert await statuses("/api/v1/nodes", 4, stage.as_("ann")) == [200, 200, 200, 429]
        assert await statuses("/api/v1/nodes", 1, stage.as_("bob")) == [200]
        assert await statuses(f"/api/v1/leases/{lease.id}/renew", 5, stage.as_("ann"), "POST") == [200] * 5
        assert await statuses("/healthz", 5, {}) == [200] * 5
        assert await statuses("/api/v1/nodes", 3, {"Authorization": "Bearer guess"}) == [401, 401, 429]
        assert await statuses("/api/v1/version", 1, {}) == [429]
        refused = await http.get("/api/v1/nodes", headers=stage.as_("ann"))
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "urn:gpool:problem:too-many-requests"
        assert refused.headers["retry-after"] in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) > 900
