"""Who may do what: each role is a set of actions, which the scope of a token may narrow."""

from collections.abc import Mapping

from gpool.errors import InvalidInput, NotAllowed
from gpool.model.token import Action, Role, Token

__all__ = ["ROLES", "actions_of", "allows", "check_scope", "covers_queue", "require_action", "require_node"]

_USER = frozenset({Action.VIEW, Action.LEASE})
_OPERATOR = _USER | {Action.EVICT, Action.NODES}

ROLES: Mapping[Role, frozenset[Action]] = {
    Role.ADMIN: _OPERATOR | {Action.POLICY, Action.TOKENS},
    Role.OPERATOR: _OPERATOR,
    Role.USER: _USER,
    Role.NODE: frozenset({Action.CONNECT}),
}
"""What each role allows. docs/reference/roles.md shows it route by route."""

_WITHIN_A_QUEUE = _USER | {Action.EVICT}
"""What can be done to one queue alone; nodes, policy and tokens are everybody's."""


def actions_of(token: Token) -> frozenset[Action]:
    """What the bearer of this token may do."""
    allowed = ROLES[token.role]
    if token.queue_only:
        allowed &= _WITHIN_A_QUEUE
    return allowed if token.actions is None else allowed & frozenset(token.actions)


def allows(token: Token, action: Action) -> bool:
    """Whether the bearer may do it."""
    return action in actions_of(token)


def require_action(token: Token, action: Action) -> None:
    """Raise `NotAllowed` unless the bearer may do it, saying whether the role or the token's scope forbids it."""
    if allows(token, action):
        return
    if action in ROLES[token.role]:
        raise NotAllowed(
            f"the token '{token.name}' is scoped and does not allow '{action}'; use another token, "
            "or ask an administrator for one that does"
        )
    fitting = " or ".join(role for role in Role if action in ROLES[role])
    raise NotAllowed(f"the token '{token.name}' has the role {token.role}; this needs the role {fitting}")


def require_node(token: Token, node: str) -> None:
    """Raise `NotAllowed` unless the token is good for an agent of that name."""
    if token.node not in (None, node):
        raise NotAllowed(f"the token '{token.name}' is for node {token.node} alone, not for {node}; check --name")


def check_scope(token: Token) -> None:
    """Raise `InvalidInput` for a scope that contradicts itself or the role."""
    if token.queue_only and token.queue is None:
        raise InvalidInput("queue_only: a token that is for one queue alone has to name it; give `queue` too")
    if token.node is not None and token.role is not Role.NODE:
        raise InvalidInput(
            f"node: a token with the role {token.role} is no agent's; leave it out, or use the role node"
        )
    beyond = [str(action) for action in token.actions or () if action not in ROLES[token.role]]
    if beyond:
        known = ", ".join(action for action in Action if action in ROLES[token.role])
        raise InvalidInput(f"actions: the role {token.role} does not allow {', '.join(beyond)}; it allows: {known}")
    if not actions_of(token):
        raise InvalidInput("actions: none of them can be done to one queue alone; the token would be good for nothing")


def covers_queue(token: Token, queue: str, parents: Mapping[str, str | None]) -> bool:
    """Whether the token is good for that queue. `parents`: each queue's parent."""
    if not token.queue_only:
        return True
    above: str | None = queue
    # Bounded: a policy whose tree has a circle is refused, but a name that is gone has no parent.
    for _ in range(len(parents) + 1):
        if above == token.queue:
            return True
        above = parents.get(above) if above is not None else None
    return False
