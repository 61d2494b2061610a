"""One PTX machine for the tests of a file; GPOOL_PTX_LEVEL chooses its instruction-set level."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder: Path = tmp_path_factory.mktemp("ptx")
    with Machine(folder, level=os.environ.get("GPOOL_PTX_LEVEL", "")) as running:
        yield running
