"""Is it there, and which version."""

from fastapi import APIRouter

from gpool.model.views import Health, Version
from gpool.version import VERSION

__all__ = ["router"]

router = APIRouter(tags=["service"])


@router.get("/healthz", operation_id="getHealth")
async def get_health() -> Health:
    """Liveness; open to everybody."""
    return Health()


@router.get("/api/v1/version", operation_id="getVersion")
async def get_version() -> Version:
    """Version of the controller; open to everybody."""
    return Version(version=VERSION)
