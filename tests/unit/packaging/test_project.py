"""A description that cannot be right is refused, with every fault at once."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.project import Link, Maintainer, Permission, Project, Rule, find_root, load


def test_every_fault_is_reported_at_once(project: Project) -> None:
    with pytest.raises(KopfkitError) as caught:
        replace(
            project,
            namespace="Not A Namespace",
            min_kube_version="1.31",
            capabilities="Superb",
            links=(Link("Source", "javascript:alert(1)"),),
            maintainers=(Maintainer("Somebody", "nobody"),),
        )
    text = str(caught.value)
    assert "5 errors" in text
    for place in ("namespace", "min_kube_version", "capabilities", "links[0].url", "email"):
        assert place in text


def test_an_unknown_platform_or_feature_is_refused_with_the_known_ones(project: Project) -> None:
    with pytest.raises(KopfkitError) as caught:
        replace(project, architectures=("x86",), features=frozenset({"fast"}))
    assert "architectures[0]: 'x86' is not one of amd64, arm64, ppc64le, s390x" in str(caught.value)
    assert "features: 'fast' is not one of cnf, cni" in str(caught.value)


def test_a_wildcard_right_is_refused(project: Project) -> None:
    rule = Rule(("",), ("*",), ("get",))
    permission = Permission(project.name, (rule,), cluster=True, name="all")
    with pytest.raises(KopfkitError, match="grants more than is needed"):
        replace(project, permissions=(permission,))


def test_a_create_right_limited_to_names_is_refused_because_rbac_ignores_it(
    project: Project,
) -> None:
    rule = Rule(("",), ("secrets",), ("create",), names=("one",))
    with pytest.raises(KopfkitError, match="create cannot be limited to names"):
        replace(project, permissions=(Permission(project.name, (rule,), cluster=False),))


def test_two_versions_without_a_conversion_webhook_are_refused(project: Project) -> None:
    with pytest.raises(KopfkitError, match="nothing converts them"):
        replace(project, conversion=None)


def test_a_version_without_a_sample_is_refused(project: Project) -> None:
    with pytest.raises(KopfkitError, match=r"samples: none for test\.jiaozi\.com/v1alpha1"):
        replace(project, samples=project.samples[:1])


def test_a_deployment_whose_grace_is_used_up_by_its_pre_stop_is_refused(project: Project) -> None:
    webhook = replace(project.deployments[1], pre_stop_seconds=30)
    with pytest.raises(KopfkitError, match="leave nothing of grace_seconds"):
        replace(project, deployments=(project.deployments[0], webhook))


def test_the_project_of_a_checkout_is_found_from_a_directory_below_its_root(
    root: Path, project: Project
) -> None:
    assert find_root(root / "tests" / "unit") == root
    assert load(root / "tests") is project


def test_a_project_that_is_not_installed_is_found_beside_its_pyproject(
    tmp_path: Path,
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.kopfkit]\nproject = "beside_it:PROJECT"\n')
    (tmp_path / "beside_it.py").write_text(
        "from helloworld_operator.project import PROJECT\n", "utf-8"
    )
    before = [*sys.path]
    assert load(tmp_path).name == "helloworld-operator"
    assert sys.path == before


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("x = 1\nPROJECT = undefined\n", r"broken\.py:2: NameError: name 'undefined'"),
        ("PROJECT = (\n", r"broken\.py:1: SyntaxError: '\(' was never closed"),
        ("import nowhere_at_all\n", r"cannot be imported \(.*No module named 'nowhere_at_all'"),
    ],
)
def test_a_project_that_cannot_be_read_is_told_with_its_line(
    tmp_path: Path, source: str, why: str
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.kopfkit]\nproject = "broken:PROJECT"\n')
    (tmp_path / "broken.py").write_text(source)
    with pytest.raises(KopfkitError, match=why):
        load(tmp_path)


@pytest.mark.parametrize(
    ("pyproject", "why"),
    [
        ("[tool.kopfkit]\n", "project is None"),
        ('[tool.kopfkit]\nproject = "nowhere_at_all:PROJECT"\n', "cannot be imported"),
        ('[tool.kopfkit]\nproject = "json:dumps"\n', "is not a kopfkit.project.Project"),
        ("[tool.kopfkit\n", "cannot be read"),
        ("[project]\n", "no pyproject.toml here or above"),
    ],
)
def test_a_checkout_without_a_usable_project_is_told_why(
    tmp_path: Path, pyproject: str, why: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(pyproject)
    with pytest.raises(KopfkitError, match=why):
        load(tmp_path)
