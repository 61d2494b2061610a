"""The loops that run beside the API while this controller leads. Each ends by being cancelled, or with the leadership.

What cannot be done because the database is away is tried again; that the term is over is for others to notice.
"""

import asyncio

import structlog

from gpool.controller.live_pool import LivePool
from gpool.errors import NotLeading, Unavailable

__all__ = ["forget_old_leases", "keep_queue_use", "keep_scheduling", "keep_time"]

log = structlog.get_logger("gpool.controller")

_PAUSE_AFTER_FAILURE_S = 1.0
_LONGEST_SLEEP_S = 60.0
_FORGET_EVERY_S = 3600.0
_SAVE_USE_EVERY_S = 60.0


async def keep_scheduling(pool: LivePool) -> None:
    """Run a cycle whenever something has changed that may let somebody in."""
    while True:
        await pool.schedule_wanted.wait()
        pool.schedule_wanted.clear()
        try:
            await pool.run_cycle()
        except NotLeading:
            return
        except Unavailable as error:
            log.warning("scheduling failed", reason=str(error))
            pool.schedule_wanted.set()
            await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)


async def keep_time(pool: LivePool) -> None:
    """Sleep until the next deadline, or until the deadlines change; then end what is due."""
    while True:
        pool.deadlines_changed.clear()
        deadline = pool.next_deadline()
        sleep_s = _LONGEST_SLEEP_S if deadline is None else (deadline - pool.now()).total_seconds()
        try:
            if sleep_s > 0:
                async with asyncio.timeout(min(sleep_s, _LONGEST_SLEEP_S)):
                    await pool.deadlines_changed.wait()
                continue
        except TimeoutError:
            pass
        try:
            await pool.pass_time()
        except NotLeading:
            return
        except Unavailable as error:
            log.warning("ending what is due failed", reason=str(error))
            await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)


async def forget_old_leases(pool: LivePool) -> None:
    """Once an hour, delete what ended long ago."""
    while True:
        try:
            await pool.forget_old_logins()
            await pool.forget_old_answers()
            forgotten = await pool.forget_old()
            if forgotten:
                log.info("old leases forgotten", leases=forgotten)
            entries = await pool.forget_old_audit()
            if entries:
                log.info("old entries of the audit log forgotten", entries=entries)
        except NotLeading:
            return
        except Unavailable as error:
            log.warning("forgetting old leases failed", reason=str(error))
        await asyncio.sleep(_FORGET_EVERY_S)


async def keep_queue_use(pool: LivePool) -> None:
    """Once a minute, store what queues have used over time; a day's average does not miss a minute."""
    while True:
        await asyncio.sleep(_SAVE_USE_EVERY_S)
        try:
            await pool.save_queue_use()
        except NotLeading:
            return
        except Unavailable as error:
            log.warning("storing what queues have used failed", reason=str(error))
