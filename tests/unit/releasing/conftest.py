"""The real project and its release history."""

from pathlib import Path

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.packaging import historyfile, releases
from kopfkit.packaging.releases import History
from kopfkit.project import Project

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def project() -> Project:
    return PROJECT


@pytest.fixture(scope="session")
def history_text() -> str:
    return (ROOT / releases.NAME).read_text("utf-8")


@pytest.fixture(scope="session")
def history(project: Project, history_text: str) -> History:
    return historyfile.parse(project, history_text)
