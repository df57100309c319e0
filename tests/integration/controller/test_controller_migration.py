"""HelloWorlds are stored anew by the running operator after a release that stores another version.

The flip, the objects in the old form, the conversion webhook's process, the operator's process with
the rights it ships with, and OLM's own CRD of the OperatorCondition are real.
"""

import base64
import itertools
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from helloworld_operator.api import HELLOWORLD
from kopfkit import pki, yamls
from kopfkit.crd import custom_resource_definition
from kopfkit.errors import KopfkitError
from kopfkit.host import ports
from kopfkit.runtime.olm.protection import BINDINGS, POLICIES, policy_name
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain

SYSTEM = "helloworld-operator-system"
CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{HELLOWORLD.crd_name}"
OLM = "github.com/operator-framework/operator-lifecycle-manager"
NAME = "helloworld-operator.v1"
CONDITIONS = f"/apis/operators.coreos.com/v2/namespaces/{SYSTEM}/operatorconditions"
COUNT = 12
VERSIONS = ("v1alpha1", "v1")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def metrics(port: int) -> dict[str, float]:
    """What the operator tells about the migration: name, or result of the objects, and value."""
    try:
        with DIRECT.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            text = reply.read().decode()
    except OSError as error:
        raise AssertionError(f"no metrics on port {port}: {error}") from error
    prefix = "helloworld_operator_storage_migration_"
    return {
        one.labels.get("result") or one.name.removeprefix(prefix): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name.startswith(prefix)
    }


@dataclass
class Release:
    """What an OLM upgrade changes: the CRD. And the webhook that converts."""

    api: Api
    directory: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def serve(self) -> None:
        """Start the conversion webhook."""
        command = [sys.executable, "-m", "helloworld_operator", "webhook", "--health-port=0"]
        flags = [f"--cert-dir={self.directory}", f"--port={self.port}"]
        self.process = subprocess.Popen([*command, *flags], stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(120)
            self.process = None

    def install(self, storage: str, *, converts: bool = True) -> None:
        """The CRD of a release that stores that version."""
        bundle = base64.b64encode((self.directory / "ca.crt").read_bytes()).decode()
        client = {"url": f"https://127.0.0.1:{self.port}/convert", "caBundle": bundle}
        webhook = {"conversionReviewVersions": ["v1"], "clientConfig": client}
        conversion: dict[str, Any] = {"strategy": "Webhook", "webhook": webhook}
        crd = custom_resource_definition(
            HELLOWORLD,
            conversion=conversion if converts else {"strategy": "None"},
            storage=storage,
        )

        def applied() -> bool:
            if not converts:
                # What the leader keeps against exactly this.
                for resource in (BINDINGS, POLICIES):
                    path = resource.path(None, policy_name(HELLOWORLD.crd_name))
                    if self.api.exists(path):
                        self.api.delete(path)
            self.api.apply(crd)
            return True

        # The API server goes by a deleted policy for a moment.
        eventually(applied)

    def stored(self) -> list[str]:
        """status.storedVersions."""
        return list(self.api.get(CRD)["status"]["storedVersions"])


@pytest.fixture
def release(plane: Any, tmp_path: Path) -> Iterator[Release]:
    """The CRD as if installed by a release that stored v1alpha1; afterwards as it was."""
    now = datetime.now(UTC)
    authority = pki.make_ca("test", now=now)
    pair = pki.make_serving_cert(authority, ["localhost"], ["127.0.0.1"], now=now)
    for name, content in {
        "tls.crt": pair.certificate,
        "tls.key": pair.key,
        "ca.crt": authority.certificate,
    }.items():
        (tmp_path / name).write_bytes(content)
    api = plane.api
    made = Release(api, tmp_path, ports.free(1)[0])
    _remove(api)
    made.install("v1alpha1")
    eventually(lambda: all(api.exists(f"/apis/test.jiaozi.com/{v}/helloworlds") for v in VERSIONS))
    assert made.stored() == ["v1alpha1"]
    made.serve()
    yield made
    made.kill()
    _remove(api)
    plane.install_crd()


def _remove(api: Api) -> None:
    api.delete(CRD)
    eventually(lambda: not api.exists(CRD))


@dataclass
class Condition:
    """The operator's OperatorCondition: Upgradeable, or {} while there is none."""

    api: Api
    created: str

    def now(self) -> Any:
        return _upgradeable(self.api.get(f"{CONDITIONS}/{NAME}"))

    def history(self) -> list[Any]:
        """Each that was told since the object was made, in their order."""
        states = self.api.history(f"{CONDITIONS}/{NAME}", since=self.created)
        return [told for told, _ in itertools.groupby(map(_upgradeable, states)) if told]


def _upgradeable(obj: Any) -> Any:
    (found,) = obj["spec"].get("conditions") or [{}]
    return found


@pytest.fixture
def condition(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Condition]:
    """The operator's OperatorCondition and the rights to it, as OLM makes them."""
    try:
        charts = toolchain.module_dir(OLM) / "deploy" / "chart" / "crds"
    except KopfkitError as error:
        pytest.skip(f"no OLM module: {error}")
    api.apply(yamls.read(charts / "0000_50_olm_00-operatorconditions.crd.yaml"))
    eventually(lambda: api.exists("/apis/operators.coreos.com/v2/operatorconditions"))
    body = {"apiVersion": "operators.coreos.com/v2", "kind": "OperatorCondition"}
    place = {"name": NAME, "namespace": SYSTEM}
    made = eventually(lambda: api.create({**body, "metadata": place, "spec": {}}))
    rbac = "rbac.authorization.k8s.io"
    rule = {
        "apiGroups": ["operators.coreos.com"],
        "resources": ["operatorconditions"],
        "resourceNames": [NAME],
        "verbs": ["get", "update", "patch"],
    }
    account = {"kind": "ServiceAccount", "name": "helloworld-operator", "namespace": SYSTEM}
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": place}
    api.apply({**role, "rules": [rule]})
    api.apply(
        {
            **role,
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": NAME},
            "subjects": [account],
        }
    )
    monkeypatch.setenv("OPERATOR_CONDITION_NAME", NAME)

    yield Condition(api, made["metadata"]["resourceVersion"])
    api.delete(f"{CONDITIONS}/{NAME}")


def test_a_flip_is_followed_by_itself_and_no_upgrade_begins_meanwhile(
    release: Release,
    hello: Callable[..., Any],
    start: Callable[..., Any],
    condition: Condition,
) -> None:
    spec = {"replicas": 0, "greeting": {"message": "你好", "language": "zh-Hans"}}
    made = [eventually(lambda: hello("x-0", **spec))]  # the webhook answers from now on
    made += [hello(f"x-{number}", **spec) for number in range(1, COUNT)]
    old = start(name="old")
    for each in made:
        each.settled()
    old.stop()
    before = [each.get() for each in made]
    assert release.stored() == ["v1alpha1"]

    release.install("v1")
    assert release.stored() == ["v1alpha1", "v1"]
    (port,) = ports.free(1)
    new = start(f"--metrics-port={port}", name="new")

    eventually(lambda: release.stored() == ["v1"])
    eventually(lambda: condition.now()["status"] == "True")
    # It may be over between two looks.
    *before_it, held, _ = condition.history()
    assert held["status"] == "False"
    assert held["reason"] == "StorageMigration"
    assert "objects of helloworlds.test.jiaozi.com" in held["message"]
    assert [told for told in before_it if told["reason"] == "StorageMigration"] == []
    assert metrics(port) == {
        "running": 0,
        "blocked": 0,
        **dict.fromkeys(("pending", "current", "gone", "refused"), 0),
        "rewritten": COUNT,
    }
    assert "Storage migration started" in new.logs()
    assert "All objects of helloworlds.test.jiaozi.com are stored in v1" in new.logs()
    # What is stored in v1 is read as v1 without anybody who converts.
    release.kill()
    after = [each.get() for each in made]
    assert [each["metadata"]["resourceVersion"] for each in after] != [
        each["metadata"]["resourceVersion"] for each in before
    ]
    assert list(map(_content, after)) == list(map(_content, before))
    # One write of each object; of the CRD a checkpoint, the trim, and the checkpoint's end. The CRD
    # is the API server's to write, too: what met a conflict is tried again, and does not count.
    crd = f"customresourcedefinitions {HELLOWORLD.crd_name}"
    trim = f"patch customresourcedefinitions status {HELLOWORLD.crd_name}"
    wanted = [*(f"patch helloworlds {each.name}" for each in made), trim, *[f"update {crd}"] * 2]
    # The audit log comes after the answer.
    eventually(lambda: _same(sorted(_writes(new, accepted=True)), sorted(wanted)))


def _same(found: list[str], wanted: list[str]) -> bool:
    assert found == wanted
    return True


def _writes(operator: Any, *, accepted: bool = False) -> list[str]:
    """What it wrote, but for what else it keeps: OLM's condition, Prometheus' objects."""
    ours = ("helloworlds", "customresourcedefinitions")
    return [write for write in operator.writes(accepted=accepted) if write.split()[1] in ours]


def _content(obj: Any) -> Any:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    return {**obj, "metadata": metadata}


def test_what_is_in_the_way_is_told_and_holds_no_upgrade(
    release: Release, start: Callable[..., Any], condition: Condition
) -> None:
    release.install("v1", converts=False)
    (port,) = ports.free(1)
    operator = start(f"--metrics-port={port}")
    assert operator.says("Storage migration: CRD helloworlds.test.jiaozi.com")
    assert "would lose every field" in operator.logs()
    eventually(lambda: metrics(port)["blocked"] == 1)
    assert metrics(port)["running"] == 0
    eventually(lambda: condition.now()["status"] == "True")
    assert release.stored() == ["v1alpha1", "v1"]
    assert _writes(operator) == []


def test_where_nothing_was_flipped_one_look_is_all(start: Callable[..., Any], api: Api) -> None:
    (port,) = ports.free(1)
    operator = start(f"--metrics-port={port}")
    looks = eventually(
        lambda: [
            event["verb"]
            for event in operator.requests()
            if event.get("objectRef", {}).get("resource") == "customresourcedefinitions"
        ]
    )
    # The migration's, and that for the conversion to be protected, of which there is none.
    assert set(looks) == {"get"}
    assert len(looks) <= 2
    assert metrics(port)["running"] == 0
    assert _writes(operator) == []
    assert api.get(CRD)["status"]["storedVersions"] == ["v1"]
