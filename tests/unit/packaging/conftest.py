"""The real project and its release history, as the generators take them."""

from pathlib import Path

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.packaging import historyfile, releases
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Project

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def project() -> Project:
    return PROJECT


@pytest.fixture(scope="session")
def history(project: Project) -> History:
    return historyfile.parse(project, (ROOT / releases.NAME).read_text("utf-8"))


@pytest.fixture(scope="session")
def release(history: History) -> Release:
    return history.newest
