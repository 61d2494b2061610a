"""What roles and scopes allow."""

import pytest

from gpool.errors import InvalidInput, NotAllowed
from gpool.model.token import Action, Role, Token
from gpool.security.roles import ROLES, actions_of, check_scope, covers_queue, require_action
from stage.values import START

TREE = {"vision": "pool", "cars": "vision", "speech": "pool"}


def token(role: Role, **scope: object) -> Token:
    return Token(id="t-2", name="ann", role=role, created_at=START, **scope)  # type: ignore[arg-type]


def test_an_administrator_may_all_but_be_a_node_and_each_action_is_somebodys() -> None:
    assert ROLES[Role.ADMIN] == set(Action) - {Action.CONNECT}
    assert set().union(*ROLES.values()) == set(Action)
    assert ROLES[Role.USER] < ROLES[Role.OPERATOR] < ROLES[Role.ADMIN]
    assert not {Action.TOKENS, Action.POLICY} & ROLES[Role.OPERATOR]
    assert ROLES[Role.NODE] == {Action.CONNECT}


def test_a_scope_narrows_and_never_widens() -> None:
    assert actions_of(token(Role.USER, actions=(Action.VIEW, Action.TOKENS))) == {Action.VIEW}
    assert actions_of(token(Role.ADMIN, queue="vision", queue_only=True)) == {Action.VIEW, Action.LEASE, Action.EVICT}
    assert actions_of(token(Role.ADMIN, queue="vision")) == ROLES[Role.ADMIN]


def test_who_may_not_is_told_whether_the_role_or_the_scope_forbids_it() -> None:
    require_action(token(Role.OPERATOR), Action.EVICT)
    with pytest.raises(NotAllowed, match="'ann' has the role user; this needs the role admin or operator"):
        require_action(token(Role.USER), Action.NODES)
    with pytest.raises(NotAllowed, match="this needs the role node"):
        require_action(token(Role.ADMIN), Action.CONNECT)
    with pytest.raises(NotAllowed, match="'ann' is scoped and does not allow 'lease'"):
        require_action(token(Role.USER, actions=(Action.VIEW,)), Action.LEASE)


@pytest.mark.parametrize(
    ("role", "scope", "words"),
    [
        (Role.USER, {"queue_only": True}, "has to name it"),
        (Role.USER, {"actions": (Action.VIEW, Action.TOKENS)}, "user does not allow tokens; it allows: view, lease"),
        (Role.ADMIN, {"queue": "vision", "queue_only": True, "actions": (Action.TOKENS,)}, "good for nothing"),
        (Role.NODE, {"queue": "vision", "queue_only": True}, "good for nothing"),
    ],
)
def test_scopes_that_contradict_themselves_are_refused(role: Role, scope: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_scope(token(role, **scope))


def test_a_queue_covers_those_below_it() -> None:
    scoped = token(Role.USER, queue="vision", queue_only=True)
    good = {queue for queue in ("pool", "vision", "cars", "speech", "gone") if covers_queue(scoped, queue, TREE)}
    assert good == {"vision", "cars"}
    assert covers_queue(scoped, "a", {"a": "b", "b": "a"}) is False, "a circle has an end"
    assert covers_queue(token(Role.USER, queue="vision"), "speech", TREE)
