"""What somebody sees of the two packages in an index, and the license that comes with them."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from trove_classifiers import classifiers

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "kopfkit/src/kopfkit/scaffold/templates"


@pytest.mark.parametrize("place", [ROOT, ROOT / "kopfkit"], ids=["operator", "kopfkit"])
def test_a_package_says_what_it_is_and_where_its_source_is(place: Path) -> None:
    project: dict[str, Any] = tomllib.loads((place / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert {*project["classifiers"]} <= classifiers
    assert {"Source", "Documentation", "Changelog", "Issues"} <= {*project["urls"]}


def test_the_license_is_one_text() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in text
    assert (ROOT / "kopfkit/LICENSE").read_text() == text
    for template in TEMPLATES.glob("*/common/project/LICENSE.j2"):
        assert text in template.read_text()


def test_the_wheel_of_kopfkit_has_its_license_and_its_templates(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", str(tmp_path)], cwd=ROOT / "kopfkit", check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for template in TEMPLATES.rglob("*.j2"):
        assert f"kopfkit/scaffold/templates/{template.relative_to(TEMPLATES)}" in names
    assert any(name.endswith("project/runbooks/Absent.md") for name in names)
    assert not any("/build/" in name or name.endswith(".pyc") for name in names)
