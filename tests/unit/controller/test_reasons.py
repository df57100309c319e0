"""The reasons in the status are an interface: each one is explained in docs/reference."""

import re
from pathlib import Path

from helloworld_operator import controller
from helloworld_operator.controller.snapshots import STUCK
from kopfkit.controller import rollouts
from kopfkit.controller.podfailures import REASONS

SOURCES = Path(controller.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "conditions.md"
# What the modules about snapshots themselves tell is another kind's status.
OTHERS = {"snapshots.py", "originals.py", "jobs.py"}


def told() -> set[str]:
    """Every reason in the source."""
    found = set(REASONS)
    for path in (*SOURCES.glob("*.py"), Path(rollouts.__file__)):
        if path.name not in OTHERS:
            text = path.read_text()
            found |= set(re.findall(r'(?:Problem|Waiting)\(\s*"(\w+)"', text))
            found |= set(re.findall(r'"(?:True|False)",\s*"([A-Z][A-Za-z]+)"', text))
    # A snapshot's own reasons are told of a HelloWorld that waits for it.
    return found | {"QuotaExceeded", "PodsRefused", "Forbidden", "Rejected", *STUCK}


def test_every_reason_is_explained_and_no_other() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(("| ", "False"))]
    explained = {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row)}

    assert told() - explained == set()
    assert explained - told() == set()
