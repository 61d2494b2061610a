"""What is said in flags, variables and files becomes one request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpool.errors import InvalidInput
from gpool.hardware.host import boot_id
from gpool.launch.asking import WAYS, resolve
from gpool.launch.orionx import ORIONX
from gpool.model.lease import LeaseRequest
from gpool.model.placement import Placement

SAID: dict[str, Any] = {
    "gpus": 4,
    "min-gpus": 2,
    "memory": "4GiB",
    "exclusive": True,
    "compute": "50%",
    "min-compute": "12.5%",
    "node": "node-a",
    "scope": "node",
    "reach": "local-first",
    "gpu-model": ["A100", "H100"],
    "select": ["zone in (a, b)", "!spot"],
    "tolerate": ["team=vision"],
    "affinity": ["same-node app=db"],
    "label": ["app=web"],
    "queue": "vision",
    "priority": "high",
    "preemptible": False,
    "timeout": "5m",
    "max-duration": "2h",
    "warn": "10m",
    "transport": "tcp",
    "warn-signal": "USR1",
    "movable": True,
    "on-use": True,
}
"""Everything that can be said."""

REQUEST = {
    "vgpus": 4,
    "min_vgpus": 2,
    "memory_bytes": 4 << 30,
    "exclusive": True,
    "compute_permille": 500,
    "min_compute_permille": 125,
    "node": "node-a",
    "placement": {
        "scope": "node",
        "reach": "local-first",
        "gpu_models": ["A100", "H100"],
        "nodes": ["zone in (a, b)", "!spot"],
        "tolerations": ["team=vision"],
        "affinity": ["same-node app=db"],
    },
    "labels": {"app": "web"},
    "queue": "vision",
    "priority": "high",
    "preemptible": False,
    "timeout_s": 300.0,
    "max_duration_s": 7200.0,
    "warn_s": 600.0,
    "movable": True,
    "transport": "tcp",
}


def as_variables(said: dict[str, Any]) -> dict[str, str]:
    texts = {}
    for way in WAYS:
        if way.name in said:
            value = said[way.name]
            texts[way.variable] = ";".join(value) if isinstance(value, list) else str(value)
    return texts


def as_toml(said: dict[str, Any]) -> str:
    import json

    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in said.items())


def test_every_way_says_the_same(tmp_path: Path) -> None:
    assert set(SAID) == {way.name for way in WAYS}
    toml, yaml = tmp_path / "request.toml", tmp_path / "request.yaml"
    toml.write_text(as_toml(SAID))
    yaml.write_text(as_toml(SAID).replace(" = ", ": "))  # JSON is YAML
    wanted = {**REQUEST, "host_id": boot_id()}
    wishes = [
        resolve(SAID, {}),
        resolve({}, as_variables(SAID)),
        resolve({}, {}, str(toml)),
        resolve({}, {"GPOOL_REQUEST_FILE": str(yaml)}),
    ]
    for wish in wishes:
        assert wish.request == wanted
        assert wish.on_use
        assert wish.warn_signal == "USR1"
    assert LeaseRequest.model_validate(wanted).placement == Placement.model_validate(REQUEST["placement"])


def test_nothing_said_is_nothing_asked() -> None:
    assert resolve({}, {}).request == {}
    assert LeaseRequest() == LeaseRequest.model_validate({})


def test_flags_come_before_variables_before_orionx_before_files(tmp_path: Path) -> None:
    file = tmp_path / "request.toml"
    file.write_text('gpus = 5\nmemory = "5GiB"\ncompute = 50\nqueue = "file"\n')
    orion = {"ORION_VGPU": "4", "ORION_GMEM": "4096", "ORION_RATIO": "40"}
    ours = {"GPOOL_GPUS": "3", "GPOOL_MEMORY": "3GiB"}
    assert resolve({"gpus": 2}, {**orion, **ours}, str(file)).request == {
        "vgpus": 2,
        "memory_bytes": 3 << 30,
        "compute_permille": 400,
        "queue": "file",
    }


@pytest.mark.parametrize(
    ("said", "environment", "sentence"),
    [
        ({"gpus": 0}, {}, "--gpus 0 cannot be; ask for 1 to 1024 GPUs"),
        ({}, {"GPOOL_GPUS": "two"}, "GPOOL_GPUS: 'two' is no whole number"),
        ({}, {"GPOOL_EXCLUSIVE": "perhaps"}, "GPOOL_EXCLUSIVE: 'perhaps' is neither yes nor no"),
        ({}, {"GPOOL_REACH": "far"}, "GPOOL_REACH: 'far' is not one of anywhere, local-first, local, remote"),
        ({"label": ["app"]}, {}, "--label: 'app' is no label; write KEY=VALUE"),
        ({}, {"GPOOL_REQUEST_FILE": "/no/such.toml"}, "the request file '/no/such.toml' cannot be read"),
        ({}, {"ORION_VGPU": "-1"}, "ORION_VGPU: '-1' is no whole number of vGPUs from 1 to 1024"),
        ({}, {"ORION_SCHEDULE_RULE": "binpack"}, "ORION_SCHEDULE_RULE: 'binpack' is not known to gpool, only local-f"),
    ],
)
def test_what_makes_no_sense_is_named_where_it_was_said(
    said: dict[str, Any], environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        resolve(said, environment)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("r.toml", "gpu = 1", "says 'gpu', which no request has; do you mean 'gpus'?"),
        ("r.toml", "gpus = [", "is not TOML"),
        ("r.yaml", "gpus: [", "is not YAML"),
        ("r.yaml", "- gpus", "is no request; write one 'name: value' a line"),
        ("r.json", "{}", "its name must end with .toml, .yaml or .yml"),
        ("r.toml", "select = 3", "r.toml: '3' is no list of texts"),
        ("r.toml", "gpus = true", "r.toml: 'True' is no whole number"),
    ],
)
def test_files_that_cannot_be_understood(name: str, text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput) as refusal:
        resolve({}, {}, str(tmp_path / name))
    assert sentence in str(refusal.value)


ORION_CASES = [
    ({"ORION_VGPU": "2"}, {"vgpus": 2}),
    ({"ORION_GMEM": "4096"}, {"memory_bytes": 4096 << 20}),
    ({"ORION_RATIO": "30"}, {"compute_permille": 300}),
    ({"ORION_RATIO": "100"}, {"compute_permille": 1000}),
    ({"ORION_RESERVED": "1"}, {"exclusive": True}),
    ({"ORION_RESERVED": "0"}, {"exclusive": False}),
    ({"ORION_CROSS_NODE": "0"}, {"placement": {"reach": "local"}, "host_id": "here"}),
    ({"ORION_CROSS_NODE": "1"}, {}),
    ({"ORION_SCHEDULE_RULE": "local-first"}, {"placement": {"reach": "local-first"}, "host_id": "here"}),
    (
        {"ORION_SCHEDULE_RULE": "local-first", "ORION_CROSS_NODE": "0"},
        {"placement": {"reach": "local"}, "host_id": "here"},
    ),
    (
        {"ORION_SCHEDULE_RULE": "local-first", "ORION_CROSS_NODE": "1"},
        {"placement": {"reach": "local-first"}, "host_id": "here"},
    ),
    ({"ORION_RES_GROUP": "BOX"}, {}),
    ({"ORION_RES_GROUP": "NULL"}, {}),
]


@pytest.mark.parametrize(("environment", "request_"), ORION_CASES)
def test_variables_of_orionx_mean_what_they_meant(environment: dict[str, str], request_: dict[str, Any]) -> None:
    if "host_id" in request_:
        request_ = {**request_, "host_id": boot_id()}
    assert resolve({}, environment).request == request_


def test_every_variable_of_orionx_is_in_the_table_of_the_guide() -> None:
    assert {variable for environment, _ in ORION_CASES for variable in environment} == set(ORIONX)
    guide = (Path(__file__).parents[2] / "docs/guides/coming-from-orionx.md").read_text()
    for variable in ORIONX:
        assert f"| `{variable}` |" in guide
