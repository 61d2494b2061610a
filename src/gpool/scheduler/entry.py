"""Into which queue a request comes, and whether it may."""

from gpool.errors import ImpossibleRequest, NotAllowed, UnknownPriorityClass, UnknownQueue
from gpool.model.lease import LeaseRequest
from gpool.model.policy import Policy
from gpool.model.queue import ROOT, QueueSettings
from gpool.scheduler.demand import WHOLE

__all__ = ["queue_for"]


def queue_for(policy: Policy, request: LeaseRequest, owner: str, default_queue: str | None) -> str:
    """The queue that the request names, else the default one, else the whole pool.

    Raises `UnknownQueue` or `UnknownPriorityClass` for a name that is not there, `NotAllowed` where only others may
    ask, and `ImpossibleRequest` for more than the queue ever gets.
    """
    if request.priority not in (classes := policy.classes()):
        raise UnknownPriorityClass(
            f"there is no priority class '{request.priority}'; the pool's classes are: {', '.join(sorted(classes))}"
        )
    queues = {queue.name: queue for queue in policy.queues}
    name = request.queue or default_queue or ROOT
    if name != ROOT and name not in queues:
        names = ", ".join(sorted(queues.keys() | {ROOT}))
        whose = "" if request.queue else f" (the one of the token of {owner})"
        raise UnknownQueue(f"there is no queue '{name}'{whose}; the pool's queues are: {names}")
    whole = WHOLE if request.whole_gpus else request.reserved_permille
    wanted = request.enough_vgpus * whole / WHOLE
    members: tuple[str, ...] = ()
    above: str | None = name
    while above is not None and above in queues:
        queue = queues[above]
        members = members or queue.members
        most = _most(queue)
        if most is not None and wanted > most:
            raise ImpossibleRequest(
                f"the request wants {wanted:g} GPUs, but queue {above} never gets more than {most:g}; "
                "ask for fewer, or in another queue"
            )
        above = queue.parent if above != ROOT else None
    if members and owner not in members:
        raise NotAllowed(f"'{owner}' is not among those who may use queue {name}; ask an administrator, or use another")
    return name


def _most(queue: QueueSettings) -> float | None:
    """GPUs that it gets at the best of times; None for no limit."""
    if queue.limit is None:
        return None
    return max([queue.limit, *(other.limit for other in queue.during.values() if other.limit is not None)])
