"""The models refuse what is not what it seems."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gpool.model.base import Model
from gpool.model.ids import ID_ALPHABET, make_id
from gpool.model.lease import Lease, LeaseRequest
from gpool.model.node import Node
from stage.values import active, make_node, pending


@pytest.mark.parametrize(
    "wrong",
    [
        {"vgpus": True},
        {"vgpus": "1"},
        {"vgpus": 0},
        {"vgpus": 1.0},
        {"memory_bytes": 0},
        {"memory_bytes": -1},
        {"memory_bytes": 1 << 63},
        {"compute_permille": 0},
        {"compute_permille": 1001},
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"timeout_s": float("inf")},
        {"node": ""},
        {"node": "Node_A"},
        {"node": "a" * 32},
        {"transport": "rdma"},
        {"command": "x" * 1025},
        {"command": "a\0b"},
        {"vgpu": 1},
    ],
)
def test_requests_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LeaseRequest.model_validate(wrong)


def test_models_are_values() -> None:
    lease = pending("l-2")
    assert lease == pending("l-2")
    with pytest.raises(ValidationError):
        lease.owner = "eve"  # type: ignore[misc]


@pytest.mark.parametrize("value", [pending("l-2"), active("l-3", ("a", 0), ("b", 1)), make_node("a", 8, 16)])
def test_nouns_survive_json(value: Lease | Node) -> None:
    assert type(value).model_validate_json(value.model_dump_json()) == value


@given(st.integers(min_value=0, max_value=1 << 128))
def test_ids_are_short_and_read_well(randomness: int) -> None:
    prefix, _, digits = make_id("l", randomness).partition("-")
    assert prefix == "l"
    assert len(digits) == 8
    assert set(digits) <= set(ID_ALPHABET)
    assert not set(ID_ALPHABET) & set("01oil")


def test_what_gpool_run_needs_does_not_load_pydantic() -> None:
    code = "import sys, gpool.errors, gpool.model.sizes, gpool.model.ids; print('pydantic' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_every_model_is_frozen_and_closed() -> None:
    import gpool.channel.messages
    import gpool.model.token
    import gpool.model.views  # noqa: F401

    def family(kind: type[Model]) -> list[type[Model]]:
        return [kind, *(grandchild for child in kind.__subclasses__() for grandchild in family(child))]

    for kind in family(Model):
        assert kind.model_config["frozen"], kind
        assert kind.model_config["extra"] == "forbid", kind
