"""Everything that gpool refuses or fails at, as one tree.

    GpoolError                     500 internal
    ├── InvalidInput               422 invalid-input        a value that cannot be understood
    │   ├── MalformedBody          400 malformed-body       not JSON at all
    │   ├── InvalidSize            422 invalid-size         `--memory 8GG`
    │   ├── KeyReused              422 key-reused           one Idempotency-Key for two different requests
    │   ├── UnsupportedBody        415 unsupported-body     a body that does not say that it is JSON
    │   └── BodyTooLarge           413 body-too-large
    ├── ImpossibleRequest          409 impossible-request   understood, but this pool could never grant it
    ├── NotAuthenticated           401 not-authenticated
    │   ├── TokenMissing           401 token-missing
    │   ├── TokenWrong             401 token-wrong
    │   ├── TokenExpired           401 token-expired
    │   ├── TokenRevoked           401 token-revoked
    │   └── LoginRefused           401 login-refused        an ID token that is not to be believed
    ├── NotAllowed                 403 not-allowed          known, but the role or the owner does not fit
    ├── NotFound                   404 not-found
    │   ├── UnknownLease           404 unknown-lease
    │   ├── UnknownGpu             404 unknown-gpu
    │   ├── UnknownNode            404 unknown-node
    │   ├── UnknownQueue           404 unknown-queue
    │   ├── UnknownPriorityClass   404 unknown-priority-class
    │   └── UnknownToken           404 unknown-token
    ├── Conflict                   409 conflict
    │   ├── LeaseOver              409 lease-over           the lease is ending or has ended
    │   ├── PolicyInUse            409 policy-in-use        a queue or class that leases still name
    │   ├── StaleWrite             409 stale-write          what the writer believed is no longer so
    │   ├── AnswerLost             409 answer-lost          carried out once; its answer is not known any more
    │   ├── NodeInUse              409 node-in-use          leases hold vGPUs of it
    │   ├── KeyInUse               409 key-in-use           the first request with that key is still under way
    │   └── NodeNameTaken          409 node-name-taken
    ├── TooManyRequests            429 too-many-requests    faster than this token may ask
    ├── Unavailable                503 unavailable
    │   ├── ControllerUnreachable  503 controller-unreachable
    │   ├── NotLeading             503 not-leading          another controller leads this database
    │   ├── OutcomeUnknown         503 outcome-unknown      the database went away during the commit
    │   └── LeaseTimedOut          503 lease-timed-out      a request waited longer than it wanted to
    └── CannotStart                500 cannot-start         a process of gpool cannot begin its work
        ├── PortInUse              500 port-in-use
        └── AlreadyRunning         500 already-running

Every message is a sentence that says what happened, to which thing, and what to do next. The API answers with
the same sentence as an RFC 9457 problem (`to_problem`), and a client gets the same error back (`from_problem`).

This module is on the path of `gpool run`: it imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "EXIT_OWN_FAILURE",
    "AlreadyRunning",
    "AnswerLost",
    "BodyTooLarge",
    "CannotStart",
    "Conflict",
    "ControllerUnreachable",
    "GpoolError",
    "ImpossibleRequest",
    "InvalidInput",
    "InvalidSize",
    "KeyInUse",
    "KeyReused",
    "LeaseOver",
    "LeaseTimedOut",
    "LoginRefused",
    "MalformedBody",
    "NodeInUse",
    "NodeNameTaken",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "NotLeading",
    "OutcomeUnknown",
    "PolicyInUse",
    "PortInUse",
    "StaleWrite",
    "TokenExpired",
    "TokenMissing",
    "TokenRevoked",
    "TokenWrong",
    "TooManyRequests",
    "Unavailable",
    "UnknownGpu",
    "UnknownLease",
    "UnknownNode",
    "UnknownPriorityClass",
    "UnknownQueue",
    "UnknownToken",
    "UnsupportedBody",
    "from_problem",
]

# What `gpool` exits with when it fails itself, apart from the codes of the command that it runs (as `docker run` does).
EXIT_OWN_FAILURE = 125

_TYPE_PREFIX = "urn:gpool:problem:"


class GpoolError(Exception):
    """A failure that gpool can explain. `str(error)` is the sentence.

    `slug` names the problem type, `http_status` is what the API answers with, `exit_code` what the CLI ends with.
    """

    slug: str = "internal"
    title: str = "Internal error"
    http_status: int = 500
    exit_code: int = EXIT_OWN_FAILURE

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    @property
    def problem_type(self) -> str:
        """The URI that names this kind of problem, `urn:gpool:problem:SLUG`."""
        return _TYPE_PREFIX + self.slug

    def to_problem(self) -> dict[str, object]:
        """The body of an RFC 9457 `application/problem+json` answer."""
        return {"type": self.problem_type, "title": self.title, "status": self.http_status, "detail": self.sentence}


class InvalidInput(GpoolError):
    """A value that cannot be understood."""

    slug, title, http_status = "invalid-input", "Invalid input", 422


class MalformedBody(InvalidInput):
    """A body that is not JSON."""

    slug, title, http_status = "malformed-body", "Malformed body", 400


class InvalidSize(InvalidInput):
    """A memory size or compute share in a form that gpool does not know."""

    slug, title = "invalid-size", "Invalid size"


class KeyReused(InvalidInput):
    """An Idempotency-Key that came with another request before."""

    slug, title = "key-reused", "Idempotency key reused"


class UnsupportedBody(InvalidInput):
    """A body of a kind that the API does not read."""

    slug, title, http_status = "unsupported-body", "Unsupported body", 415


class BodyTooLarge(InvalidInput):
    """A request body beyond the limit of the API."""

    slug, title, http_status = "body-too-large", "Body too large", 413


class ImpossibleRequest(GpoolError):
    """A request that this pool could never grant, however long it waited."""

    slug, title, http_status = "impossible-request", "Impossible request", 409


class NotAuthenticated(GpoolError):
    """The caller has not shown who it is."""

    slug, title, http_status = "not-authenticated", "Not authenticated", 401


class TokenMissing(NotAuthenticated):
    """No token was sent."""

    slug, title = "token-missing", "Token missing"


class TokenWrong(NotAuthenticated):
    """The token is not one of this pool's."""

    slug, title = "token-wrong", "Token wrong"


class TokenExpired(NotAuthenticated):
    """The token was good until its expiry."""

    slug, title = "token-expired", "Token expired"


class TokenRevoked(NotAuthenticated):
    """The token was taken back by an administrator."""

    slug, title = "token-revoked", "Token revoked"


class LoginRefused(NotAuthenticated):
    """What the identity provider said is not to be believed, or it did not let somebody in."""

    slug, title = "login-refused", "Login refused"


class NotAllowed(GpoolError):
    """The caller is known, but may not do this."""

    slug, title, http_status = "not-allowed", "Not allowed", 403


class NotFound(GpoolError):
    """No such thing."""

    slug, title, http_status = "not-found", "Not found", 404


class UnknownLease(NotFound):
    """No lease has this id."""

    slug, title = "unknown-lease", "Unknown lease"


class UnknownGpu(NotFound):
    """No node has this GPU."""

    slug, title = "unknown-gpu", "Unknown GPU"


class UnknownNode(NotFound):
    """No node has this name."""

    slug, title = "unknown-node", "Unknown node"


class UnknownQueue(NotFound):
    """No queue has this name."""

    slug, title = "unknown-queue", "Unknown queue"


class UnknownPriorityClass(NotFound):
    """No priority class has this name."""

    slug, title = "unknown-priority-class", "Unknown priority class"


class UnknownToken(NotFound):
    """No token has this id."""

    slug, title = "unknown-token", "Unknown token"


class Conflict(GpoolError):
    """The thing is not in a state that allows this."""

    slug, title, http_status = "conflict", "Conflict", 409


class LeaseOver(Conflict):
    """The lease is ending or has ended; it cannot be renewed."""

    slug, title = "lease-over", "Lease over"


class PolicyInUse(Conflict):
    """Leases, or queues below it, still need what was to be removed."""

    slug, title = "policy-in-use", "Policy in use"


class StaleWrite(Conflict):
    """Somebody else has changed what this write wanted to change."""

    slug, title = "stale-write", "Stale write"


class NodeInUse(Conflict):
    """Leases hold vGPUs of the node."""

    slug, title = "node-in-use", "Node in use"


class KeyInUse(Conflict):
    """The first request with this Idempotency-Key has not been answered yet."""

    slug, title = "key-in-use", "Idempotency key in use"


class AnswerLost(Conflict):
    """The request with this Idempotency-Key was carried out, but its answer was not kept."""

    slug, title = "answer-lost", "Answer lost"


class NodeNameTaken(Conflict):
    """Another agent is connected under this node name."""

    slug, title = "node-name-taken", "Node name taken"


class TooManyRequests(GpoolError):
    """The bearer of a token asks faster than it may."""

    slug, title, http_status = "too-many-requests", "Too many requests", 429

    def __init__(self, sentence: str, retry_after_s: float = 1) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class Unavailable(GpoolError):
    """It cannot be done now; it may work later."""

    slug, title, http_status = "unavailable", "Unavailable", 503


class ControllerUnreachable(Unavailable):
    """Nobody answers at the API's address."""

    slug, title = "controller-unreachable", "Controller unreachable"


class NotLeading(Unavailable):
    """Another controller leads this database."""

    slug, title = "not-leading", "Not leading"

    leader: object = None
    """The URL of the one that leads, if it was said."""


class OutcomeUnknown(Unavailable):
    """It was sent to the database and may or may not have been done."""

    slug, title = "outcome-unknown", "Outcome unknown"


class LeaseTimedOut(Unavailable):
    """A request waited for as long as it wanted to, and was not granted."""

    slug, title = "lease-timed-out", "Lease timed out"


class CannotStart(GpoolError):
    """A process of gpool cannot begin its work."""

    slug, title = "cannot-start", "Cannot start"


class PortInUse(CannotStart):
    """Another process listens on the wanted address."""

    slug, title = "port-in-use", "Port in use"


class AlreadyRunning(CannotStart):
    """The same thing is running already."""

    slug, title = "already-running", "Already running"


def _family(root: type[GpoolError]) -> Iterator[type[GpoolError]]:
    yield root
    for child in root.__subclasses__():
        yield from _family(child)


def from_problem(problem: Mapping[str, object]) -> GpoolError:
    """The error that a problem body describes; a plain `GpoolError` for a type that this version does not know."""
    slug = str(problem.get("type", "")).removeprefix(_TYPE_PREFIX)
    sentence = str(problem.get("detail") or problem.get("title") or "the controller gave no reason")
    kind = next((kind for kind in _family(GpoolError) if kind.slug == slug), GpoolError)
    error = kind(sentence)
    if isinstance(error, NotLeading):
        error.leader = problem.get("leader")
    return error
