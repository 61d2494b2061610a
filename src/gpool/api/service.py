"""Is it there, which version, and who vouches for it."""

from fastapi import APIRouter

from gpool.api.access import Pool
from gpool.api.problems import PROBLEMS
from gpool.errors import NotFound
from gpool.model.views import Authority, Health, Version
from gpool.security.authority import describe
from gpool.security.pinned_authority import AUTHORITY_PATH
from gpool.version import VERSION

__all__ = ["authority_view", "router"]

router = APIRouter(tags=["service"])


@router.get("/healthz", operation_id="getHealth")
async def get_health() -> Health:
    """Liveness; open to everybody."""
    return Health()


@router.get("/api/v1/version", operation_id="getVersion")
async def get_version() -> Version:
    """Version of the controller; open to everybody."""
    return Version(version=VERSION)


@router.get(AUTHORITY_PATH, operation_id="getAuthority", responses=PROBLEMS(404))
async def get_authority(pool: Pool) -> Authority:
    """The certificate of the pool's own authority; open to everybody, who must compare its fingerprint.

    404 when the controller shows a certificate of somebody else's, or speaks without TLS.
    """
    pem = pool.authority()
    if pem is None:
        raise NotFound("this controller has no authority of its own; whoever made its certificate vouches for it")
    return authority_view(pem)


def authority_view(pem: str) -> Authority:
    """What is told of the authority."""
    return Authority(certificate=pem, fingerprint=describe(pem).fingerprint)
