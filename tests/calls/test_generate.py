"""What is committed is what the generator makes, and calls.toml cannot say nonsense."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pycparser")
CALLS = Path(__file__).resolve().parents[2] / "native" / "calls"
sys.path.insert(0, str(CALLS))

import generate  # noqa: E402
from generator import coverage, description, header, wire  # noqa: E402

include = generate._default_include()
pytestmark = pytest.mark.skipif(include is None, reason="no cuda.h in this Python; install nvidia-cuda-runtime")


@pytest.fixture(scope="module")
def api() -> header.Header:
    assert include is not None
    return header.read(include)


def test_what_is_committed_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, CALLS / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_a_stale_file_is_named_with_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    path = generate.GENERATED / "ids.h"
    wanted = {p: p.read_text() for p in generate.GENERATED.iterdir() if p.suffix in (".h", ".cpp")}
    assert generate.check(wanted, 13050) == 0
    assert generate.check(wanted | {path: wanted[path] + "// one more\n"}, 13050) == 1
    said = capsys.readouterr().out
    assert "ids.h: 1 lines differ" in said
    assert "made from" not in said


def test_a_comparison_with_other_headers_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.check({generate.GENERATED / "ids.h": "other"}, 99000) == 1
    assert "made from CUDA 13050, but these headers are 99000" in capsys.readouterr().out


def test_every_function_has_one_class(api: header.Header) -> None:
    told = description.read(CALLS / "calls.toml", api)
    assert len(api.bases()) == 488
    assert {api.newest(base).name for base in api.bases()} <= told.calls.keys()
    assert not {name for name in told.old if api.functions[name].thread}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('cuNoSuchThing = { class = "local" }', "cuNoSuchThing is not a function of cuda.h"),
        ('cuInit = { class = "lokal" }', "has the class 'lokal'"),
        ('cuInit = { class = "async", streem = true }', "unknown key streem"),
        ('cuGraphDestroy = { class = "async", destroys = "graph" }', "has no parameter graph; it has hGraph"),
        ('cuInit = { class = "local", client = "foot" }', 'client can only be "hand"'),
    ],
)
def test_nonsense_in_the_description_is_refused_by_name(
    api: header.Header, tmp_path: Path, line: str, sentence: str
) -> None:
    path = tmp_path / "calls.toml"
    path.write_text(f"[calls.some]\n{line}\n[old]\n[per_thread]\n")
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        description.read(path, api)


def test_a_new_call_gets_the_next_number_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    path = tmp_path / "ids.toml"
    path.write_text("[ids]\ncuOne = 64\ncuWithdrawn = 70\n")
    numbers, text = wire.assign_ids(path, ["cuOne", "cuTwo"])
    assert numbers == {"cuOne": 64, "cuWithdrawn": 70, "cuTwo": 71}
    assert text.endswith("cuWithdrawn = 70\ncuTwo = 71\n")
    path.write_text("[ids]\ncuOne = 64\ncuTwo = 64\n")
    with pytest.raises(SystemExit, match="used twice"):
        wire.assign_ids(path, [])


def test_nothing_of_the_headers_prose_is_carried_over() -> None:
    for path in generate.GENERATED.iterdir():
        assert "\\brief" not in path.read_text()
        assert "\\param" not in path.read_text()


def test_definitions_of_the_drivers_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "one.cpp").write_text(
        'extern "C" CUresult cuInit(unsigned int) {\nGPOOL_CUDA cuMemcpy(CUdeviceptr) {\n  return cuMemFree_v2(1);\n'
        "CUcontext current_context();\nCUresult cuCtxGetDevice(CUdevice* d) {\n// cuLaunchKernel(\n"
    )
    assert coverage.written(tmp_path) == {"cuInit", "cuMemcpy", "cuCtxGetDevice"}
    assert coverage.written(tmp_path / "missing") == set()
