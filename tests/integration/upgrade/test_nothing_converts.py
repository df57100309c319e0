"""The operator was uninstalled: OLM ended the conversion, and nothing of the operator runs.
Whatever is written meanwhile loses nothing, and OLM's own check lets it be installed again.

What OLM does is done by hand, as the account that it has, against a real API server; its check of
the objects that there are is `validateV1CRDCompatibility` of its catalog operator.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api.conversion import CONVERTER
from kopfkit import pki
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.olm.policies import Carried
from kopfkit.runtime.olm.protection import BINDINGS, POLICIES, Protection, policy_name

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OLM = {
    "Impersonate_User": "system:serviceaccount:olm:olm-operator-serviceaccount",
    "Impersonate_Group": "system:masters",
}
MERGE = {"Content_Type": "application/merge-patch+json"}
APPLY = {"Content_Type": "application/apply-patch+yaml"}
NONE = {"strategy": "None"}


def ends(hello: Any, *, by: dict[str, str] = OLM, dry: bool = False) -> Any:
    """OLM's handleClusterServiceVersionDeletion; the answer."""

    def attempt() -> Any:
        crd = hello.installed.crd()
        crd["spec"]["conversion"] = NONE
        query = "?dryRun=All" if dry else ""
        return hello.installed.api("PUT", f"{CRDS}/{hello.name}{query}", crd, **by)

    return hello.eventually(attempt, lambda answer: answer.status != 409)


def protection(hello: Any, client: Client) -> Protection:
    plural = hello.installed.resource.plural
    spokes = tuple(CONVERTER.spokes)
    carried = Carried(
        hello.group, plural, CONVERTER.hub, spokes, CONVERTER.annotation, CONVERTER.shown
    )
    return Protection(client, hello.name, may=lambda: True, carried=carried)


@pytest.fixture(params=["v1", "v1alpha1"])
async def uninstalled(request: Any, flippable: Any, client: Client) -> Any:
    """A CRD that stores one version, with objects, whose operator is gone."""
    hello = flippable(storage=request.param)
    hello.fill(3)
    await protection(hello, client).once()
    # The API server takes a policy up within seconds.
    nobody = {key: text.replace("olm-", "my-") for key, text in OLM.items()}
    hello.eventually(lambda: ends(hello, by=nobody, dry=True), lambda answer: answer.status == 403)
    hello.other = {"v1": "v1alpha1", "v1alpha1": "v1"}[request.param]
    listed = hello.installed.path(hello.other)
    hello.eventually(
        lambda: hello.installed.api("GET", listed), lambda answer: answer.status == 200
    )
    hello.before = {version: hello.content(version) for version in ("v1", "v1alpha1")}
    hello.stores = request.param
    hello.webhook.kill()
    ends(hello).ok()
    # And what the CRD says.
    hello.eventually(
        lambda: hello.installed.api("GET", hello.installed.path(hello.other)),
        lambda answer: (
            answer.status == 200
            and not any(
                CONVERTER.shown[hello.other] in each.get("spec", {})
                for each in answer.body["items"]
            )
        ),
    )
    frozen(hello)
    yield hello
    for resource in (BINDINGS, POLICIES):
        hello.installed.api("DELETE", resource.path(None, policy_name(hello.name)))


def frozen(hello: Any) -> Any:
    """Wait until a write through the version that is not stored is refused; the answer."""
    path = hello.installed.path(hello.other) + "?dryRun=All"
    body = hello.installed.object(hello.other, "new", spec={})
    return hello.eventually(
        lambda: hello.installed.api("POST", path, body), lambda answer: answer.status == 422
    )


def existing_objects_pass(hello: Any) -> list[str]:
    """OLM's check before it updates the CRD (catalog operator, validateV1CRDCompatibility): all
    objects are listed in each version that is served and will be. An error of a list is final;
    what a schema refuses is a warning where the new CRD converts. The errors."""
    old = hello.installed.crd()["spec"]["versions"]
    served = [each["name"] for each in old if each["served"]]
    answers = [
        hello.installed.api("GET", hello.installed.path(name) + "?limit=500") for name in served
    ]
    return [answer.message for answer in answers if answer.status != 200]


def installed_again(hello: Any) -> None:
    """OLM's update of the CRD, the new webhook with a certificate of a new authority, as that of
    before has run out or gone with the operator's namespace, and this authority in the CRD."""
    assert existing_objects_pass(hello) == []
    ca = pki.make_ca("another", now=datetime.now(UTC))
    pair = pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=datetime.now(UTC))
    (hello.webhook.directory / "tls.crt").write_bytes(pair.certificate)
    (hello.webhook.directory / "tls.key").write_bytes(pair.key)
    hello.webhook.ca = ca.certificate
    hello.webhook.start()
    conversion = hello.webhook.conversion
    bare = json.loads(json.dumps(conversion))
    del bare["webhook"]["clientConfig"]["caBundle"]
    hello.change(lambda spec: spec.update(conversion=bare))
    hello.change(lambda spec: spec.update(conversion=conversion))
    field = CONVERTER.shown[hello.other]
    hello.eventually(
        lambda: hello.installed.api("GET", hello.installed.path(hello.other)),
        lambda answer: (
            answer.status == 200 and all(field in each["spec"] for each in answer.body["items"])
        ),
    )


def stored(hello: Any) -> Any:
    """What etcd has of each object, without what the server counts up."""
    found = hello.etcd.objects(*hello.environment)
    return {each["metadata"]["name"]: (each["apiVersion"], each["spec"]) for each in found}


def a_write(hello: Any, plane: Any) -> None:
    note = {"metadata": {"annotations": {"note": "written meanwhile"}}}
    path = hello.installed.path(hello.stores, "hello-0001")
    hello.installed.api("PATCH", path, note, **MERGE).ok()


def a_restart(hello: Any, plane: Any) -> None:
    """Of the API server: what it remembered of the objects is gone, the policy has to hold."""
    plane.daemons()["kube-apiserver"].stop(0.0)
    plane.start()
    listed = hello.installed.path(hello.stores)
    hello.eventually(
        lambda: hello.installed.api("GET", listed), lambda answer: answer.status == 200
    )
    frozen(hello)


@pytest.mark.parametrize("meanwhile", [a_write, a_restart])
def test_the_operator_can_be_installed_again_whatever_happened_and_finds_all_as_it_was(
    uninstalled: Any, control_plane: Any, meanwhile: Any
) -> None:
    hello = uninstalled
    meanwhile(hello, control_plane)

    installed_again(hello)

    for version, before in hello.before.items():
        now = hello.content(version)
        assert {name: each["spec"] for name, each in now.items()} == {
            name: each["spec"] for name, each in before.items()
        }


def test_what_is_refused_meanwhile_says_why_and_what_to_do(uninstalled: Any) -> None:
    answer = frozen(uninstalled)

    assert f"nothing converts {uninstalled.name} now" in answer.message
    assert "install the operator again" in answer.message


WRITES = st.tuples(
    st.sampled_from(["PUT", "PATCH", "apply", "POST"]),
    st.sampled_from(["", "status", "scale"]),
    st.sampled_from(["hello-0000", "hello-0001", "fresh"]),
    st.sampled_from(["note", "spec", "empty", "as read"]),
)


def test_no_write_through_the_version_that_is_not_stored_changes_what_is_stored(
    uninstalled: Any,
) -> None:
    hello, api, of = uninstalled, uninstalled.installed.api, uninstalled.installed
    before = stored(hello)
    taken: list[Any] = []

    @budget(ci=60, soak=2000)
    @given(WRITES)
    def tries(write: tuple[str, str, str, str]) -> None:
        verb, subresource, name, content = write
        read = api("GET", of.path(hello.other, name, subresource))
        body = read.body if read.status == 200 else of.object(hello.other, name)
        body = json.loads(json.dumps(body))
        body.get("metadata", {}).pop("managedFields", None)
        if content == "note":
            body["metadata"].setdefault("annotations", {})["note"] = "x"
        elif content == "spec":
            body["spec"] = {"replicas": 5, "size": 5}
        elif content == "empty":
            body.pop("spec", None)
        path = of.path(hello.other, name, subresource)
        if verb == "POST":
            answer = api("POST", of.path(hello.other), body)
        elif verb == "apply":
            body["metadata"].pop("resourceVersion", None)
            answer = api("PATCH", f"{path}?fieldManager=gitops&force=true", body, **APPLY)
        elif verb == "PATCH":
            body["metadata"].pop("resourceVersion", None)
            answer = api("PATCH", path, body, **MERGE)
        else:
            answer = api("PUT", path, body)
        if answer.status < 300:
            taken.append((write, answer.status))

    tries()

    assert stored(hello) == before
    assert taken == []


async def test_an_api_server_that_has_not_heard_of_the_end_refuses_updates_by_what_it_finds(
    uninstalled: Any, client: Client
) -> None:
    # As in the milliseconds before the policy's parameter is up to date: without one at all.
    hello, of = uninstalled, uninstalled.installed
    bound = await client.get(BINDINGS, None, policy_name(hello.name))
    del bound["spec"]["paramRef"]
    await client.replace(BINDINGS, None, bound)
    new = of.object(hello.other, "new", spec={})
    hello.eventually(
        lambda: of.api("POST", of.path(hello.other) + "?dryRun=All", new),
        lambda answer: answer.status == 201,
    )
    before = stored(hello)

    note = {"metadata": {"annotations": {"note": "x"}}}
    answer = of.api("PATCH", of.path(hello.other, "hello-0000"), note, **MERGE)
    status = of.api(
        "PATCH", of.path(hello.other, "hello-0000", "status"), {"status": {"replicas": 1}}, **MERGE
    )

    assert (answer.status, status.status) == (422, 422)
    assert stored(hello) == before


def test_what_is_stored_can_be_written_and_deleted_through_its_own_version(
    uninstalled: Any,
) -> None:
    hello, of = uninstalled, uninstalled.installed
    live = of.get(hello.stores, "hello-0000")
    live["metadata"]["finalizers"] = ["example.com/hold"]
    of.put(hello.stores, live)
    of.make(hello.stores, "fresh", spec=live["spec"]).ok()

    # Deletion works through both, and so does taking the last finalizer away.
    of.api("DELETE", of.path(hello.other, "hello-0000")).ok()
    gone = {"metadata": {"finalizers": None}}
    of.api("PATCH", of.path(hello.other, "hello-0000"), gone, **MERGE).ok()
    of.api("DELETE", of.path(hello.stores, "fresh")).ok()

    assert sorted(stored(hello)) == ["hello-0001", "hello-0002"]


async def test_nobody_but_olm_may_end_it_and_olm_not_while_two_versions_are_stored(
    flippable: Any, client: Client
) -> None:
    hello = flippable()
    await protection(hello, client).once()
    nobody = {key: text.replace("olm-", "my-") for key, text in OLM.items()}
    hello.eventually(lambda: ends(hello, by=nobody, dry=True), lambda answer: answer.status == 403)
    assert ends(hello, dry=True).status == 200

    hello.store("v1")

    answer = hello.eventually(lambda: ends(hello, dry=True), lambda answer: answer.status == 403)
    assert "status.storedVersions" in answer.message
    for resource in (BINDINGS, POLICIES):
        hello.installed.api("DELETE", resource.path(None, policy_name(hello.name)))
