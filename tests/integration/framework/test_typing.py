"""mypy passes the example operator and finds what is misspelt in it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "databases"

# What somebody could misspell: in the spec, in the status, in what a reconcile is given.
MISSPELT = {
    "database.spec.replicas": "database.spec.replica",
    "status.ready_replicas = ": "status.ready_replica = ",
    "database.metadata.uid": "database.metadata.uuid",
}


def test_mypy_passes_the_example_and_finds_each_misspelt_field(tmp_path: Path) -> None:
    """One run for all: mypy takes seconds."""
    text = (EXAMPLE / "databases" / "operator.py").read_text()
    (tmp_path / "right.py").write_text(text)
    for number, (right, wrong) in enumerate(MISSPELT.items()):
        assert right in text
        (tmp_path / f"wrong{number}.py").write_text(text.replace(right, wrong, 1))
    argv = ["--strict", "--no-error-summary"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *argv, *map(str, sorted(tmp_path.glob("*.py")))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    found = [line for line in done.stdout.splitlines() if ": error:" in line]
    said = "\n".join(found)
    assert "right.py" not in said, said
    assert '"Spec" has no attribute "replica"' in said
    assert '"Status" has no attribute "ready_replica"' in said
    assert '"Metadata" has no attribute "uuid"' in said
    assert len(found) == len(MISSPELT), said
