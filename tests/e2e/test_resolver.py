"""What the real OLM installs, beside what the prover says that it will.

One catalog with a package for each graph; for each release of it a Subscription to a channel that
has this release alone; then all of them change to the graph's channel. The first releases of all
packages are in one namespace, the second ones in another, and so on: OLM resolves a namespace at a
time, and a package can be in it once. Each has a catalog of its own: one in OLM's namespace would
be every other namespace's too, and OLM resolves nothing where a catalog does not answer. The
bundles are as small as OLM takes them: a ClusterServiceVersion that deploys nothing, in the catalog
itself, so that nothing is unpacked.
"""

import base64
import datetime
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from budgets import examples
from helloworld_operator.project import PROJECT
from kopfkit.docker import context, engines
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.image import baseimage, digests
from kopfkit.olm.olmobjects import SUBSCRIPTIONS
from kopfkit.packaging.catalog import catalog_dockerfile, channels, deprecations
from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.routes import route_v0
from kopfkit.packaging.ways import heads, off_the_chain
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl
from kopfkit.yamls import dump

Object = dict[str, Any]
OLM = "operators.coreos.com"
CATALOG = "resolver"
CHANNEL = "stable"
DAY = datetime.date(2027, 1, 2)
# Graphs at random, beside those below.
RANDOM = examples(ci=2, soak=8)
# Seconds for all Subscriptions together, and then for steps that nobody expects.
INSTALLED = 300.0
QUIET = 15.0


def release(version: str, *, channel: bool = True, **ways: Any) -> Release:
    """A release with its ways; not in the channel if it is only installed somewhere."""
    return Release(
        version, DAY, (CHANNEL,) if channel else (), ("v1",), "v1", known=("v1",), **ways
    )


GRAPHS: dict[str, tuple[Release, ...]] = {
    "chain": (
        release("0.1.0"),
        release("0.2.0", replaces="0.1.0"),
        release("0.3.0", replaces="0.2.0"),
    ),
    "skips": (
        release("0.1.0"),
        release("0.2.0"),
        release("0.3.0", replaces="0.1.0", skips=("0.2.0",)),
    ),
    "range": (
        release("0.1.0"),
        release("0.2.0", replaces="0.1.0"),
        release("0.3.0", replaces="0.2.0"),
        release("0.4.0", replaces="0.3.0", skip_range=">=0.2.0 <0.4.0"),
    ),
    # An early release reaches the middle by a range, and the head from there.
    "two-ranges": (
        release("0.1.0"),
        release("0.2.0", replaces="0.1.0"),
        release("0.3.0", replaces="0.2.0", skip_range="<0.3.0"),
        release("0.4.0", replaces="0.3.0"),
    ),
    "prerelease": (
        release("0.1.0"),
        release("0.2.0-rc.1", replaces="0.1.0"),
        release("0.2.0", replaces="0.2.0-rc.1", skip_range=">=0.1.0 <0.2.0"),
    ),
    # 0.1.0 is installed somewhere, and the channel knows nothing of it.
    "stranded": (
        release("0.1.0", channel=False),
        release("0.2.0"),
        release("0.3.0", replaces="0.2.0"),
    ),
    "taken-in": (
        release("0.1.0", channel=False),
        release("0.2.0", replaces="0.1.0"),
        release("0.3.0", replaces="0.2.0"),
    ),
    # The range of 0.3.0 reaches down, and nobody is led there, as it is skipped.
    "range-of-the-skipped": (
        release("0.1.0"),
        release("0.2.0", replaces="0.1.0"),
        release("0.3.0", replaces="0.2.0", skip_range=">=0.1.0 <0.3.0"),
        release("0.4.0", replaces="0.2.0", skips=("0.3.0",)),
    ),
    # OLM v0 passes what is deprecated, which OLM v1 does not.
    "deprecated": (
        release("0.1.0"),
        release("0.2.0", replaces="0.1.0", deprecation="a bug"),
        release("0.3.0", replaces="0.2.0"),
    ),
    "skipped-and-replaced": (
        release("0.1.0"),
        release("0.2.0", replaces="0.1.0"),
        release("0.3.0", replaces="0.1.0", skips=("0.2.0",), skip_range="<0.2.0"),
    ),
}


def at_random(number: int) -> tuple[Release, ...]:
    """A graph that opm takes: one head, and every release on its chain or skipped."""
    chance = random.Random(number)
    versions = [f"0.{minor}.0" for minor in range(1, chance.randint(4, 5))]
    while True:
        found = [release(versions[0], channel=chance.random() < 0.8)]
        for at, version in enumerate(versions[1:], 1):
            below = versions[:at]
            ways: Object = {"replaces": chance.choice([*below, below[-1]])}
            if chance.random() < 0.4:
                ways["skips"] = tuple(chance.sample(below, chance.randint(1, at)))
            if chance.random() < 0.4:
                ways["skip_range"] = f">={chance.choice(below)} <{version}"
            found.append(release(version, **ways))
        history = of("try", tuple(found))
        if len(heads(history, CHANNEL)) == 1 and not off_the_chain(history, CHANNEL):
            return tuple(found)


def of(package: str, releases: tuple[Release, ...]) -> History:
    return History(package, CHANNEL, (CHANNEL,), releases)


HISTORIES = [of(f"resolver-{name}", found) for name, found in GRAPHS.items()] + [
    of(f"resolver-random-{number}", at_random(number)) for number in range(RANDOM)
]


@dataclass(frozen=True)
class Case:
    """A release that is installed, and the graph that it is in."""

    history: History
    installed: str

    @property
    def package(self) -> str:
        return self.history.package

    @property
    def namespace(self) -> str:
        versions = [one.version for one in self.history.releases]
        return f"resolver-{versions.index(self.installed)}"

    @property
    def predicted(self) -> list[str]:
        way = route_v0(self.history, CHANNEL, self.installed)
        return [f"{self.package}.v{version}" for version in way.versions]


CASES = [Case(history, one.version) for history in HISTORIES for one in history.releases]
NAMESPACES = sorted({case.namespace for case in CASES})


def alone(version: str) -> str:
    """The channel that has one release."""
    return f"at-{version}"


def blobs(history: History) -> list[Object]:
    """A package as a file-based catalog has it."""
    package = history.package
    documents: list[Object] = [
        {"schema": "olm.package", "name": package, "defaultChannel": CHANNEL}
    ]
    documents += [*channels(history), *deprecations(history)]
    for one in history.releases:
        name = one.name(package)
        entries = [{"name": name}]
        channel = {"schema": "olm.channel", "package": package, "name": alone(one.version)}
        content = base64.b64encode(json.dumps(csv(name, one.version)).encode()).decode()
        properties = [
            {
                "type": "olm.package",
                "value": {"packageName": package, "version": one.version},
            },
            {"type": "olm.bundle.object", "value": {"data": content}},
        ]
        bundle = {"schema": "olm.bundle", "name": name, "package": package}
        documents += [{**channel, "entries": entries}, {**bundle, "properties": properties}]
    return documents


def csv(name: str, version: str) -> Object:
    """A ClusterServiceVersion that deploys nothing."""
    modes = ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")
    return {
        "apiVersion": f"{OLM}/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {"name": name},
        "spec": {
            "displayName": name,
            "version": version,
            "installModes": [{"type": mode, "supported": True} for mode in modes],
            "install": {"strategy": "deployment", "spec": {"deployments": []}},
        },
    }


@pytest.fixture(scope="module")
def catalog(kind_cluster: ClusterState) -> str:
    """The catalog's image, pushed; by digest."""
    engine = engines.detect()
    assert engine is not None
    image = f"{kind_cluster.registry}/e2e/resolver:{time.time_ns()}"
    opm = baseimage.ensure_opm(engine, Progress())
    found = [document for history in HISTORIES for document in blobs(history)]
    files = {f"catalog/{PROJECT.name}/catalog.yaml": dump(*found)}
    context.build(engine, image, catalog_dockerfile(PROJECT, opm), files)
    engine.docker("push", "--quiet", image)
    return digests.pin(image)


@pytest.fixture(scope="module")
def subscribed(catalog: str, kubectl: Kubectl, client: Api) -> Iterator[None]:
    """Each case with its release installed, and subscribed to the graph's channel since then."""
    for namespace in NAMESPACES:
        kubectl.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
            {
                "apiVersion": f"{OLM}/v1",
                "kind": "OperatorGroup",
                "metadata": {"name": namespace, "namespace": namespace},
                "spec": {"targetNamespaces": [namespace]},
            },
            {
                "apiVersion": f"{OLM}/v1alpha1",
                "kind": "CatalogSource",
                "metadata": {"name": CATALOG, "namespace": namespace},
                "spec": {
                    "sourceType": "grpc",
                    "image": catalog,
                    "grpcPodConfig": {"securityContextConfig": "restricted"},
                },
            },
        )
    subscriptions = [
        {
            "apiVersion": f"{OLM}/v1alpha1",
            "kind": "Subscription",
            "metadata": {"name": case.package, "namespace": case.namespace},
            "spec": {
                "name": case.package,
                "channel": alone(case.installed),
                "source": CATALOG,
                "sourceNamespace": case.namespace,
            },
        }
        for case in CASES
    ]
    kubectl.apply(*subscriptions)

    def installed() -> bool:
        waiting = {}
        for namespace in NAMESPACES:
            for found in client.get(f"{_path(namespace)}/subscriptions")["items"]:
                status = found.get("status", {})
                if status.get("state") != "AtLatestKnown":
                    waiting[namespace, found["metadata"]["name"]] = status.get("state")
        assert not waiting
        return True

    eventually(installed, timeout=INSTALLED, interval=2)
    for case in CASES:
        path = f"{_path(case.namespace)}/subscriptions/{case.package}"
        client.patch(path, {"spec": {"channel": CHANNEL}})
    yield
    for namespace in NAMESPACES:
        kubectl.run("delete", SUBSCRIPTIONS, "--all", f"--namespace={namespace}")
    kubectl.run("delete", "namespaces", *NAMESPACES, "--timeout=300s", timeout=320)


def _path(namespace: str) -> str:
    return f"/apis/{OLM}/v1alpha1/namespaces/{namespace}"


@pytest.fixture(scope="module")
def chosen(subscribed: None, client: Api) -> Callable[[Case], list[str]]:
    """What OLM installed in a case, one after the other."""

    def plans(case: Case) -> list[str]:
        found = client.get(f"{_path(case.namespace)}/installplans")["items"]
        found.sort(key=lambda each: each["spec"]["generation"])
        names = [name for each in found for name in each["spec"]["clusterServiceVersionNames"]]
        return [name for name in names if name.startswith(f"{case.package}.v")]

    def arrived() -> bool:
        return all(len(plans(case)) >= len(case.predicted) for case in CASES)

    # Whoever does not come as far as predicted is the test's to name, not an error here.
    end = time.monotonic() + INSTALLED
    while time.monotonic() < end and not arrived():
        time.sleep(2)
    time.sleep(QUIET)
    return plans


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.package}-{case.installed}")
def test_olm_goes_the_way_that_the_prover_walks(
    case: Case, chosen: Callable[[Case], list[str]]
) -> None:
    assert chosen(case) == case.predicted
