"""Two hosts whose daemons are killed side by side."""

import os
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from control import KILLER  # noqa: E402
from stage import Stage  # noqa: E402

WORKERS = 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="namespaces need root"))


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stage]]:
    """One for each worker."""
    assert KILLER.exists(), f"{KILLER} is not built"
    directory = tmp_path_factory.mktemp("stages")
    made: list[Stage] = []
    try:
        for number in range(WORKERS):
            made.append(Stage(directory, number))
        yield made
    finally:
        for stage in made:
            stage.close()


@pytest.fixture
def stage(stages: list[Stage]) -> Stage:
    return stages[0]
