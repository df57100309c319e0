"""`kopfkit run bundle`, `bundle-upgrade` and `cleanup` with images that are in the cluster's own
registry and nowhere else, and without a catalog image."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from frozen import HISTORY
from helloworld_operator.api import HELLOWORLD
from helloworld_operator.project import PROJECT
from kopfkit.cli import kopfkit
from kopfkit.docker import context, engines
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.olm import subscription
from kopfkit.olm.olmobjects import CATALOGS, CRDS, CSVS, GROUPS, SUBSCRIPTIONS
from kopfkit.packaging.bundle import bundle_dockerfile, bundle_tree
from kopfkit.packaging.releases import History
from kopfkit.packaging.ways import heads
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

OLD, NEW = "0.2.0", "0.3.0"
# Above every release: it goes on top of the catalog of what is released.
ABOVE = "9999.0.0"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def kopfkit_run(kind_cluster: ClusterState) -> Run:
    """The command line against the cluster; an expected failure is raised."""

    def run(*words: str, input: str = "", refused: bool = False) -> Result:
        arguments = [*words, f"--name={kind_cluster.name}"]
        done = CliRunner().invoke(kopfkit, arguments, input=input)
        if isinstance(done.exception, KopfkitError) and not refused:
            raise done.exception
        return done

    return run


@pytest.fixture(scope="module")
def bundles(kind_cluster: ClusterState, images: Any) -> dict[str, str]:
    """Version -> bundle image by tag, pushed; there is no catalog of them."""
    engine = engines.ensure(Progress())
    found = {}
    above = dataclasses.replace(HISTORY.newest, version=ABOVE)
    for release in (HISTORY.release(OLD), HISTORY.release(NEW), above):
        tree = bundle_tree(PROJECT, release, images.operator, release.channels, "stable")
        tag = f"{kind_cluster.registry}/run-bundle:v{release.version}"
        context.build(
            engine,
            tag,
            bundle_dockerfile(PROJECT, release.channels, "stable"),
            {f"bundle/{name}": text for name, text in tree.items()},
        )
        engine.docker("push", "--quiet", tag)
        found[release.version] = tag
    return found


@pytest.fixture(scope="module", autouse=True)
def nothing_left(clean_cluster: None, sweep: Callable[[], None]) -> Iterator[None]:
    yield
    sweep()


def csv(version: str) -> str:
    return f"{PROJECT.name}.v{version}"


def phases(kubectl: Kubectl) -> dict[str, str]:
    found = kubectl.list(CSVS, PROJECT.namespace)
    return {one["metadata"]["name"]: one.get("status", {}).get("phase", "") for one in found}


def test_a_bundle_is_run_upgraded_and_cleaned_up(
    kopfkit_run: Run,
    bundles: dict[str, str],
    kubectl: Kubectl,
    world: Any,
    converts: Callable[[], None],
) -> None:
    done = kopfkit_run("run", "bundle", bundles[OLD])
    assert f"{csv(OLD)} Succeeded in {PROJECT.namespace}" in done.stdout
    eventually(lambda: phases(kubectl) == {csv(OLD): "Succeeded"})
    converts()
    world.create("hello", {"size": 1, "message": "Hi"}, "v1alpha1")
    world.ready("hello", 1)
    (first,) = kubectl.list(CATALOGS, PROJECT.namespace)
    assert "image" not in first["spec"]

    # A second run of the same is fine; another bundle is no second installation.
    kopfkit_run("run", "bundle", bundles[OLD])
    eventually(lambda: phases(kubectl) == {csv(OLD): "Succeeded"})
    with pytest.raises(KopfkitError, match="is already installed in") as refused:
        kopfkit_run("run", "bundle", bundles[NEW])
    assert "run bundle-upgrade" in refused.value.hint
    # Other tests of this cluster may have an operator of theirs subscribed to.
    managed = f"OLM: still manages .*{PROJECT.namespace}/{PROJECT.name}"
    with pytest.raises(KopfkitError, match=managed):
        kopfkit_run("olm", "uninstall")

    done = kopfkit_run("run", "bundle-upgrade", bundles[NEW])
    assert f"{csv(OLD)} -> {csv(NEW)} Succeeded" in done.stdout
    eventually(lambda: phases(kubectl) == {csv(NEW): "Succeeded"})
    assert world.read("hello")["spec"]["greeting"] == {"message": "Hi"}
    (second,) = kubectl.list(CATALOGS, PROJECT.namespace)
    assert second["metadata"]["name"] != first["metadata"]["name"]
    # What served the first catalog has gone with it.
    names = {second["metadata"]["name"]}
    eventually(lambda: _served(kubectl) == names)
    with pytest.raises(KopfkitError, match="is in the catalog"):
        kopfkit_run("run", "bundle-upgrade", bundles[OLD])
    with pytest.raises(KopfkitError, match="is installed already"):
        kopfkit_run("run", "bundle-upgrade", bundles[NEW])

    # Somebody who does not say yes keeps everything.
    done = kopfkit_run("cleanup", PROJECT.name, input="n\n", refused=True)
    assert f"CRD {HELLOWORLD.crd_name} and 1 object" in done.output
    assert done.exit_code != 0
    eventually(lambda: phases(kubectl) == {csv(NEW): "Succeeded"})
    assert world.read("hello")["spec"]["replicas"] == 1

    done = kopfkit_run("cleanup", PROJECT.name, "--yes")
    assert f"CRD {HELLOWORLD.crd_name} and 1 object were deleted" in done.stdout
    for kind in (SUBSCRIPTIONS, CSVS, CATALOGS, GROUPS):
        assert kubectl.list(kind, PROJECT.namespace) == [], kind
    assert kubectl.get(CRDS, HELLOWORLD.crd_name) is None
    eventually(lambda: _served(kubectl) == set())
    done = kopfkit_run("cleanup", PROJECT.name)
    assert "is not installed" in done.stdout
    assert done.exit_code == 0


def test_an_operator_from_a_catalog_image_is_upgraded_to_a_bundle(
    kopfkit_run: Run, bundles: dict[str, str], images: Any, kubectl: Kubectl, live: History
) -> None:
    (head,) = heads(live, "candidate")
    subscription.subscribe(
        kubectl.kubeconfig,
        package=PROJECT.name,
        channel="candidate",
        catalog_image=images.catalog,
        namespace=PROJECT.namespace,
        catalog_namespace=PROJECT.namespace,
        progress=Progress(),
    )
    done = kopfkit_run("run", "bundle-upgrade", bundles[ABOVE])
    assert f"{csv(head.version)} -> {csv(ABOVE)} Succeeded" in done.stdout
    found = kubectl.get(SUBSCRIPTIONS, PROJECT.name, PROJECT.namespace) or {}
    assert found["spec"]["channel"] == "candidate"
    kopfkit_run("cleanup", PROJECT.name, "--yes")


def test_an_image_that_is_not_there_or_is_no_bundle_is_named(
    kopfkit_run: Run, images: Any, kind_cluster: ClusterState
) -> None:
    with pytest.raises(KopfkitError, match=r"never-pushed: is not there"):
        kopfkit_run("run", "bundle", f"{kind_cluster.registry}/run-bundle:never-pushed")
    with pytest.raises(KopfkitError, match=r"is not a bundle"):
        kopfkit_run("run", "bundle", images.catalog)


def test_nothing_is_upgraded_where_nothing_is_installed(
    kopfkit_run: Run, bundles: dict[str, str]
) -> None:
    with pytest.raises(KopfkitError, match=f"package {PROJECT.name}: is not installed"):
        kopfkit_run("run", "bundle-upgrade", bundles[NEW])


def test_an_install_mode_that_the_bundle_does_not_support_is_refused(
    kopfkit_run: Run, bundles: dict[str, str], kubectl: Kubectl
) -> None:
    with pytest.raises(KopfkitError, match="does not support install mode OwnNamespace"):
        kopfkit_run("run", "bundle", bundles[OLD], "--install-mode=OwnNamespace")
    assert kubectl.list(SUBSCRIPTIONS, PROJECT.namespace) == []


def _served(kubectl: Kubectl) -> set[str]:
    """Names of what serves catalogs in the operator's namespace."""
    return {
        one["metadata"]["name"]
        for kind in ("deployments.apps", "configmaps", "services")
        for one in kubectl.list(kind, PROJECT.namespace)
        if "-catalog-" in one["metadata"]["name"]
    }
