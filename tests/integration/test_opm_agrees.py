"""Whether a catalog has an error is told as opm tells it, whatever its graph is."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from tests.budgets import budget
from tests.listings import VERSIONS, Object, bundle_name, catalog, listings

from kopfkit import yamls
from kopfkit.packaging.catalogs import judged
from kopfkit.packaging.catalogs.sources import load
from kopfkit.packaging.checks import ERROR
from kopfkit.toolchain import toolchain


@pytest.fixture(scope="module")
def opm() -> Path:
    return toolchain.tool("opm")


@budget(ci=40, soak=1500)
@given(listings())
def test_opm_refuses_what_has_an_error_and_nothing_else(
    opm: Path, tmp_path_factory: pytest.TempPathFactory, listed: dict[str, list[Object]]
) -> None:
    used = {entry["name"] for entries in listed.values() for entry in entries}
    place = tmp_path_factory.mktemp("catalog")
    documents = catalog([one for one in VERSIONS if bundle_name(one) in used], listed)
    (place / "catalog.yaml").write_text(yamls.dump(*documents), "utf-8")
    done = subprocess.run([opm, "validate", place], capture_output=True, text=True, check=False)
    found, wrong = load(place)
    wrong += [one for each in found.values() for one in judged(each)]
    errors = [one for one in wrong if one.severity == ERROR]
    assert bool(errors) == bool(done.returncode), (errors, done.stderr, listed)
