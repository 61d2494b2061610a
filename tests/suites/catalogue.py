"""The suites: where each comes from, how it is started, and what is known to fail in it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["SUITES", "Place", "Suite"]

_BODIES = Path(__file__).resolve().parents[1] / "clients" / "bodies"


@dataclass(frozen=True)
class Place:
    """What a suite may use: a folder that is kept between runs, and an empty one for this run."""

    cache: Path
    scratch: Path
    driver: Path
    """The libcuda.so.1 of the way that is being run."""
    nvrtc: Path


@dataclass(frozen=True)
class Suite:
    """`arguments` are those of pytest, or of a body that prints a line for each part that agrees with its reference."""

    name: str
    client: str
    what: str
    version: Callable[[], str]
    arguments: Callable[[Place], list[str]]
    environment: Callable[[Place], dict[str, str]] = lambda place: {}
    folder: Callable[[Place], Path] = lambda place: place.scratch
    is_body: bool = False
    known: dict[str, str] = field(default_factory=dict)
    """Regular expression for `node id: message` of a failure → why it fails."""
    fatal: dict[str, str] = field(default_factory=dict)
    """Name of a test that takes the context, and so all tests after it, along on the emulated GPU directly → why. It
    is left out there, and counts as failed."""


def _installed(package: str) -> Callable[[], str]:
    return lambda: importlib.metadata.version(package)


def _sdist(place: Path, package: str, version: str) -> Path:
    """The unpacked source distribution; fetched by pip when it is not there yet."""
    folder = place / f"{package}-{version}"
    if not folder.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package]
        subprocess.run([*command, "--dest", str(place), f"{package}=={version}"], check=True, timeout=600)
        with tarfile.open(place / f"{package}-{version}.tar.gz") as archive:
            archive.extractall(place, filter="data")
    return folder


# The newest release of tinygrad whose source distribution holds its operator tests. It runs them on itself.
_OPERATORS = "0.12.0"
_NEWEST = "0.14.0"


def _tinygrad(version: str) -> Callable[[Place], Path]:
    return lambda place: _sdist(place.cache, "tinygrad", version)


def _tinygrad_environment(version: str, device: str) -> Callable[[Place], dict[str, str]]:
    def environment(place: Place) -> dict[str, str]:
        return {
            "CUDA": "1",
            "CI": "1",
            "DEV": device,
            "CUDA_PATH": str(place.driver),
            "NVRTC_PATH": str(place.nvrtc),
            "PYTHONPATH": str(_sdist(place.cache, "tinygrad", version)),
            "XDG_CACHE_HOME": str(place.cache),
        }

    return environment


# Files of numba.cuda.tests.cudapy about what kernels do on the device; the others are about numba's compiler.
_KERNELS = """
array array_args array_reductions atomics blackscholes boolean casting complex complex_kernel constmem
cooperative_groups device_func enums exception fastmath forall globals gufunc gufunc_scalar idiv intrinsics
lang laplace localmem mandel math matmul minmax montecarlo multithreads nondet operator powi print
py2_div_issue random record_dtype reduction slicing sm stream_api sync transpose ufuncs userexc vector_type
vectorize vectorize_complex vectorize_decor vectorize_device vectorize_scalar_arg warp_ops
"""


def _numba_tests() -> Path:
    spec = importlib.util.find_spec("numba_cuda")
    if spec is None or spec.origin is None:
        raise SystemExit("numba-cuda is missing; `make test-clients` installs it")
    return Path(spec.origin).parent / "numba" / "cuda" / "tests"


def _numba(name: str, what: str, parts: Callable[[Path], list[str]], fatal: dict[str, str] | None = None) -> Suite:
    """A part of numba-cuda's own tests; `parts` of the folder that they lie in."""

    def arguments(place: Place) -> list[str]:
        modules = [f"numba.cuda.tests.{part}" for part in parts(_numba_tests())]
        return ["--import-mode=importlib", "--dist=loadfile", "--pyargs", *modules]

    return Suite(
        name=name,
        client="numba-cuda",
        what=what,
        version=_installed("numba-cuda"),
        arguments=arguments,
        environment=_cupy_environment,
        known={
            r"test_atomic_add_double.*Regex didn't match": "looks for an instruction that this NVVM spells otherwise",
            r"BrokenProcessPool": "starts a process that imports the test by its name in the source tree",
            r"map host memory|test_host_alloc": "the client of this run did not map host memory for kernels",
            r"test_device_arch_specific": "an instruction of one architecture that the emulated GPU does not have",
            r"Timeout": "took longer than the 300 s that a test may take",
            r"test_set_registers": "the emulated GPU has no registers to save: the linker's limit changes nothing",
        },
        fatal=fatal or {},
    )


def _kernel_files(tests: Path) -> list[str]:
    return [f"cudapy.test_{name}" for name in _KERNELS.split()]


def _compiler_files(tests: Path) -> list[str]:
    return sorted({f"cudapy.{path.stem}" for path in (tests / "cudapy").glob("test_*.py")} - {*_kernel_files(tests)})


def _body(name: str, package: str, client: str, what: str, file: str, **more: Any) -> Suite:
    """A program of ours in tests/clients/bodies that compares each part of its work with a reference."""
    return Suite(
        name=name,
        client=client,
        what=what,
        version=_installed(package),
        arguments=lambda place: [str(_BODIES / file)],
        is_body=True,
        **more,
    )


def _cupy_environment(place: Place) -> dict[str, str]:
    return {"CUPY_COMPILE_WITH_PTX": "1", "CUPY_CACHE_DIR": str(place.cache / "cupy")}


_NEEDS_CLANG = "uses tinygrad's CPU back end, which needs clang"

SUITES = (
    _numba(
        "numba-cuda-driver",
        "its own tests of the driver and of its documentation (`cudadrv`, `doc_examples`)",
        lambda tests: ["cudadrv", "doc_examples"],
    ),
    _numba(
        "numba-cuda-kernels",
        "its own tests of kernels (`cudapy`, a part)",
        _kernel_files,
        {"test_struct_model_type_arr": "writes ten elements to an array of one; GPUs notice at the end of a page"},
    ),
    _numba("numba-cuda-compiler", "its own tests of its compiler (`cudapy`, the rest)", _compiler_files),
    _body(
        "numba-cuda-examples",
        "numba-cuda",
        "numba-cuda",
        "programs as in its documentation, compared with NumPy",
        "numba_kernels.py",
    ),
    _body(
        "cuda-core",
        "cuda-core",
        "cuda-core",
        "a program with each kind of its objects, compared with NumPy",
        "cuda_core_objects.py",
    ),
    _body(
        "cuda-core-graphs",
        "cuda-core",
        "cuda-core",
        "its graph builder, compared with NumPy",
        "cuda_core_graphs.py",
    ),
    _body(
        "cupy",
        "cupy-cuda13x",
        "CuPy",
        "generated and raw kernels, compared with NumPy",
        "cupy_arrays.py",
        environment=_cupy_environment,
    ),
    Suite(
        name="tinygrad-operators",
        client="tinygrad",
        what="its operator tests (`test/test_ops.py`), compared with PyTorch on the CPU",
        version=lambda: _OPERATORS,
        arguments=lambda place: ["--rootdir=.", "test/test_ops.py"],
        environment=_tinygrad_environment(_OPERATORS, "CUDA"),
        folder=_tinygrad(_OPERATORS),
        known={"clang": _NEEDS_CLANG},
    ),
    Suite(
        name="tinygrad-tiny",
        client="tinygrad",
        what="the tests in its source distribution (`test/test_tiny.py`)",
        version=lambda: _NEWEST,
        arguments=lambda place: ["--rootdir=.", "test/test_tiny.py"],
        environment=_tinygrad_environment(_NEWEST, "CUDA"),
        folder=_tinygrad(_NEWEST),
        known={"clang": _NEEDS_CLANG, "test_hgemm": "its kernel does not compile: NVRTC finds no cuda_fp16.h here"},
    ),
    _body(
        "triton",
        "triton",
        "Triton",
        "vector add, softmax, layer norm and products in six types, compared with NumPy",
        "triton_kernels.py",
        environment=lambda place: {"TRITON_CACHE_DIR": str(place.cache / "triton"), "TRITON_DEFAULT_FP_FUSION": "1"},
    ),
)
