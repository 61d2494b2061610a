"""The life of a lease.

                request                    placed                 released, expired, revoked, node gone
      (nothing) ───────▶ pending ─────────────────▶ active ───────────────────────────────▶ ending ──▶ ended
                            │ released, expired, timed out                        (all nodes confirmed)
                            └────────────────────────────────────────────────────────────────────────▶ ended

An active lease that has to give way to another is *warned*: it stays active, with an `eviction` that says for whom, why
and until when. It is let off when the reason is gone before that, else it ends then. Likewise the holder of one whose
maximum duration is about to be over is warned, once.

`apply_to_lease` is the only way to change a lease. Its vGPUs are taken exactly while `lease.holds_vgpus`: a lease that
is ending still holds them, because a program may still be computing there until the node says that it is not.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gpool.lifecycle.commands import Reschedule, TellNode
from gpool.lifecycle.transitions import Event, ImpossibleTransition, Outcome, Table, step
from gpool.model.lease import Eviction, GpuPlace, Lease, LeaseRequest, LeaseState, Vgpu
from gpool.model.queue import ROOT

__all__ = [
    "LEASE_TRANSITIONS",
    "ControllerRestarted",
    "KeptWaiting",
    "LetOff",
    "Moved",
    "NodeConfirmed",
    "NodeGone",
    "Placed",
    "Released",
    "Renewed",
    "Revoked",
    "RoomMade",
    "TimePassed",
    "UseBegan",
    "Warned",
    "apply_to_lease",
    "begin_lease",
    "lease_deadline",
]


@dataclass(frozen=True, slots=True)
class Placed(Event):
    """The scheduler has found vGPUs for a pending lease."""

    vgpus: tuple[Vgpu, ...]


@dataclass(frozen=True, slots=True)
class Moved(Event):
    """The scheduler needs the vGPUs of a lease that is not in use yet, and gives it others."""

    vgpus: tuple[Vgpu, ...]


@dataclass(frozen=True, slots=True)
class UseBegan(Event):
    """The holder of a movable lease wants its tickets: from now on its vGPUs stay."""


@dataclass(frozen=True, slots=True)
class KeptWaiting(Event):
    """The scheduler could not place it; the sentence says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Renewed(Event):
    """Its holder lives."""


@dataclass(frozen=True, slots=True)
class Released(Event):
    """Its holder, or an administrator, gave it back."""

    by: str


@dataclass(frozen=True, slots=True)
class Revoked(Event):
    """The pool takes it back."""

    reason: str


@dataclass(frozen=True, slots=True)
class RoomMade(Event):
    """Others give these GPUs up for a pending lease; none: nobody does any more."""

    room: tuple[GpuPlace, ...]


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """An active lease has to give way."""

    eviction: Eviction


@dataclass(frozen=True, slots=True)
class LetOff(Event):
    """It need not give way after all."""


@dataclass(frozen=True, slots=True)
class TimePassed(Event):
    """A look at the clock; expires and times out what is due."""


@dataclass(frozen=True, slots=True)
class NodeConfirmed(Event):
    """The node has said that no session of this ending lease is left there, and that its tickets are refused."""

    node: str


@dataclass(frozen=True, slots=True)
class NodeGone(Event):
    """The node has been lost for longer than its grace; nothing that it holds is counted any more."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True)
class ControllerRestarted(Event):
    """The controller was away, so nobody could renew: every holder gets a full lifetime from now."""


def begin_lease(
    lease_id: str,
    owner: str,
    request: LeaseRequest,
    now: datetime,
    *,
    queue: str = ROOT,
    renew_every_s: float = 5.0,
    lifetime_s: float = 30.0,
) -> Outcome[Lease]:
    """A new, pending lease."""
    lease = Lease(
        id=lease_id,
        owner=owner,
        request=request,
        queue=queue,
        created_at=now,
        expires_at=now + timedelta(seconds=lifetime_s),
        renew_every_s=renew_every_s,
        lifetime_s=lifetime_s,
    )
    return lease, (Reschedule(),)


def apply_to_lease(lease: Lease, event: Event, now: datetime) -> Outcome[Lease]:
    """The lease after `event`, and what is to be done. Raises `ImpossibleTransition` for what cannot happen."""
    return step(LEASE_TRANSITIONS, lease, lease.state, event, now)


def lease_deadline(lease: Lease) -> datetime | None:
    """When `TimePassed` will next change this lease, if nothing else happens before; None for never."""
    if lease.state is LeaseState.ACTIVE:
        evicted_at = lease.eviction.ends_at if lease.eviction else None
        ends = (lease.expires_at, lease.over_at, lease.over_warning_at, evicted_at)
        return min(end for end in ends if end is not None)
    if lease.state is not LeaseState.PENDING:
        return None
    give_up_at = _give_up_at(lease)
    return min(lease.expires_at, give_up_at) if give_up_at else lease.expires_at


def _give_up_at(lease: Lease) -> datetime | None:
    timeout_s = lease.request.timeout_s
    return None if timeout_s is None else lease.created_at + timedelta(seconds=timeout_s)


def _with(lease: Lease, **changes: object) -> Lease:
    # model_copy does not validate; every change below is made of values that were validated before.
    return lease.model_copy(update=changes)


def _unchanged(lease: Lease, _event: Event, _now: datetime) -> Outcome[Lease]:
    return lease, ()


def _renew(lease: Lease, _event: Event, now: datetime) -> Outcome[Lease]:
    # Never earlier than before: a clock that was set back must not shorten a lease.
    expires_at = max(lease.expires_at, now + timedelta(seconds=lease.lifetime_s))
    return _with(lease, expires_at=expires_at), ()


def _place(lease: Lease, event: Placed, now: datetime) -> Outcome[Lease]:
    renewed, _ = _renew(lease, event, now)
    active = _with(renewed, state=LeaseState.ACTIVE, vgpus=event.vgpus, granted_at=now, reason=None, room=())
    return active, tuple(TellNode(node) for node in active.nodes)


def _move(lease: Lease, event: Moved, _now: datetime) -> Outcome[Lease]:
    if not lease.movable:
        raise ImpossibleTransition(f"lease {lease.id} cannot be moved: it is in use")
    moved = _with(lease, vgpus=event.vgpus)
    return moved, tuple(TellNode(node) for node in dict.fromkeys((*lease.nodes, *moved.nodes)))


def _begin_use(lease: Lease, _event: UseBegan, now: datetime) -> Outcome[Lease]:
    return (_with(lease, in_use_at=now) if lease.movable else lease), ()


def _keep_waiting(lease: Lease, event: KeptWaiting, _now: datetime) -> Outcome[Lease]:
    return _with(lease, reason=event.reason), ()


def _make_room(lease: Lease, event: RoomMade, _now: datetime) -> Outcome[Lease]:
    return _with(lease, room=event.room), ()


def _warn(lease: Lease, event: Warned, _now: datetime) -> Outcome[Lease]:
    return _with(lease, eviction=event.eviction), ()


def _let_off(lease: Lease, _event: LetOff, _now: datetime) -> Outcome[Lease]:
    return _with(lease, eviction=None), ()


def _finish(lease: Lease, reason: str | None, now: datetime) -> Outcome[Lease]:
    # Somebody behind it in the queue may have waited for the GPUs that it held or claimed.
    ended = _with(lease, state=LeaseState.ENDED, reason=reason, ended_at=now, unconfirmed_nodes=(), room=())
    return ended, (Reschedule(),)


def _cancel_released(lease: Lease, event: Released, now: datetime) -> Outcome[Lease]:
    return _finish(lease, f"cancelled by {event.by} before it was granted", now)


def _cancel_revoked(lease: Lease, event: Revoked, now: datetime) -> Outcome[Lease]:
    return _finish(lease, event.reason, now)


def _give_up_when_due(lease: Lease, _event: TimePassed, now: datetime) -> Outcome[Lease]:
    give_up_at = _give_up_at(lease)
    if give_up_at is not None and now >= give_up_at:
        waited = f"not granted within {lease.request.timeout_s:g} s"
        return _finish(lease, f"{waited}: {lease.reason}" if lease.reason else waited, now)
    if now >= lease.expires_at:
        return _finish(lease, f"its holder was not heard of for {lease.lifetime_s:g} s while it waited", now)
    return lease, ()


def _end(lease: Lease, reason: str, now: datetime, *, without: str | None = None) -> Outcome[Lease]:
    remaining = tuple(node for node in lease.nodes if node != without)
    if not remaining:
        return _finish(lease, reason, now)
    ending = _with(lease, state=LeaseState.ENDING, reason=reason, unconfirmed_nodes=remaining)
    return ending, tuple(TellNode(node) for node in remaining)


def _end_released(lease: Lease, event: Released, now: datetime) -> Outcome[Lease]:
    return _end(lease, f"released by {event.by}", now)


def _end_revoked(lease: Lease, event: Revoked, now: datetime) -> Outcome[Lease]:
    return _end(lease, event.reason, now)


def _end_when_due(lease: Lease, _event: TimePassed, now: datetime) -> Outcome[Lease]:
    if lease.eviction is not None and now >= lease.eviction.ends_at:
        return _end(lease, f"had to give way: {lease.eviction.reason}", now)
    if lease.over_at is not None and now >= lease.over_at:
        return _end(lease, f"its maximum duration of {lease.request.max_duration_s:g} s is over", now)
    if now < lease.expires_at:
        warning_at = lease.over_warning_at
        return (lease, ()) if warning_at is None or now < warning_at else (_with(lease, over_warned_at=now), ())
    return _end(lease, f"expired: its holder did not renew it for {lease.lifetime_s:g} s", now)


def _lose_node(lease: Lease, event: NodeGone, now: datetime) -> Outcome[Lease]:
    return _end(lease, event.reason, now, without=event.node) if event.node in lease.nodes else (lease, ())


def _confirm(lease: Lease, event: NodeConfirmed | NodeGone, now: datetime) -> Outcome[Lease]:
    remaining = tuple(node for node in lease.unconfirmed_nodes if node != event.node)
    if remaining:
        return _with(lease, unconfirmed_nodes=remaining), ()
    return _finish(lease, lease.reason, now)


LEASE_TRANSITIONS: Table[Lease] = {
    (LeaseState.PENDING, Placed): _place,
    (LeaseState.PENDING, KeptWaiting): _keep_waiting,
    (LeaseState.PENDING, RoomMade): _make_room,
    (LeaseState.PENDING, Renewed): _renew,
    (LeaseState.PENDING, Released): _cancel_released,
    (LeaseState.PENDING, Revoked): _cancel_revoked,
    (LeaseState.PENDING, TimePassed): _give_up_when_due,
    (LeaseState.PENDING, NodeGone): _unchanged,
    (LeaseState.PENDING, ControllerRestarted): _renew,
    (LeaseState.ACTIVE, Renewed): _renew,
    (LeaseState.ACTIVE, Moved): _move,
    (LeaseState.ACTIVE, UseBegan): _begin_use,
    (LeaseState.ACTIVE, Warned): _warn,
    (LeaseState.ACTIVE, LetOff): _let_off,
    (LeaseState.ACTIVE, Released): _end_released,
    (LeaseState.ACTIVE, Revoked): _end_revoked,
    (LeaseState.ACTIVE, TimePassed): _end_when_due,
    (LeaseState.ACTIVE, NodeGone): _lose_node,
    (LeaseState.ACTIVE, ControllerRestarted): _renew,
    # Once ending, the reason that came first stays.
    (LeaseState.ENDING, Released): _unchanged,
    (LeaseState.ENDING, Revoked): _unchanged,
    (LeaseState.ENDING, TimePassed): _unchanged,
    (LeaseState.ENDING, NodeConfirmed): _confirm,
    (LeaseState.ENDING, NodeGone): _confirm,
    (LeaseState.ENDING, ControllerRestarted): _unchanged,
    # Ended is final: nothing happens to it, so nothing of it is here.
}
"""Every pair that can happen. `Command`s are in `gpool.lifecycle.commands`."""
