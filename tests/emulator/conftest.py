from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder: Path = tmp_path_factory.mktemp("ptx")
    with Machine(folder) as running:
        yield running
