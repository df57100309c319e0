"""What somebody sees of the distributions in an index, and the license that comes with them."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from trove_classifiers import classifiers

ROOT = Path(__file__).parents[2]
KITS = (ROOT / "kopfkit", ROOT / "kopfkit-sdk")
TEMPLATES = ROOT / "kopfkit-sdk/src/kopfkit/scaffold/templates"


@pytest.mark.parametrize("place", [ROOT, *KITS], ids=["operator", "kopfkit", "kopfkit-sdk"])
def test_a_package_says_what_it_is_and_where_its_source_is(place: Path) -> None:
    project: dict[str, Any] = tomllib.loads((place / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert {*project["classifiers"]} <= classifiers
    assert {"Source", "Documentation", "Changelog", "Issues"} <= {*project["urls"]}


def test_the_license_is_one_text() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in text
    for kit in KITS:
        assert (kit / "LICENSE").read_text() == text
    for template in TEMPLATES.glob("*/common/project/LICENSE.j2"):
        assert text in template.read_text()


def _wheel(home: Path, target: Path) -> list[str]:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", str(target)], cwd=home, check=True)
    (wheel,) = target.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_the_wheels_have_their_license_and_templates_and_share_no_file(tmp_path: Path) -> None:
    names, runtime = _wheel(KITS[1], tmp_path / "sdk"), _wheel(KITS[0], tmp_path / "runtime")
    assert not {*names} & {*runtime}
    # With it, the one that is imported first would hide the other.
    assert "kopfkit/__init__.py" not in {*names, *runtime}
    for each in (names, runtime):
        assert any(name.endswith("licenses/LICENSE") for name in each)
        packages = {name.split("/")[1] for name in each if name.startswith("kopfkit/")}
        assert "kopfkit/py.typed" in each or all(
            f"kopfkit/{name}/py.typed" in each for name in packages if "." not in name
        )
    for template in TEMPLATES.rglob("*.j2"):
        assert f"kopfkit/scaffold/templates/{template.relative_to(TEMPLATES)}" in names
    assert any(name.endswith("project/runbooks/Absent.md") for name in names)
    assert not any("/build/" in name or name.endswith(".pyc") for name in (*names, *runtime))
