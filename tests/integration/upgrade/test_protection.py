"""A CRD's conversion is not taken away while objects depend on it: what OLM does at an uninstall,
done by hand against a real API server."""

import asyncio
from typing import Any

import pytest

from kopfkit.runtime.api.client import Client
from kopfkit.runtime.olm.protection import BINDINGS, POLICIES, Protection, policy_name

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def take_away(hello: Any) -> Any:
    """The update that OLM makes; the answer. Changes nothing: it is a dry run."""

    def attempt() -> Any:
        crd = hello.installed.crd()
        crd["spec"]["conversion"] = {"strategy": "None"}
        return hello.installed.api("PUT", f"{CRDS}/{hello.name}?dryRun=All", crd)

    return hello.eventually(attempt, lambda answer: answer.status != 409)


def refused(hello: Any) -> Any:
    """Wait until it is refused (the API server takes a policy up within seconds)."""
    return hello.eventually(lambda: take_away(hello), lambda answer: answer.status == 403)


def as_account(user: str) -> dict[str, str]:
    """Headers of a request in the name of an account that may do anything."""
    return {"Impersonate_User": user, "Impersonate_Group": "system:masters"}


def serve_only(hello: Any, *names: str) -> None:
    def change(spec: Any) -> None:
        for version in spec["versions"]:
            version["served"] = version["name"] in names

    hello.change(change)


@pytest.fixture
async def protected(hello: Any, client: Client) -> Any:
    """A CRD with v1alpha1 stored and both versions served, protected."""
    await Protection(client, hello.name, may=lambda: True).once()
    yield hello
    for resource in (BINDINGS, POLICIES):
        path = resource.path(None, policy_name(hello.name))
        hello.installed.api("DELETE", path)


def test_the_end_of_the_conversion_is_refused_and_says_why_and_what_to_do(protected: Any) -> None:
    answer = refused(protected)

    assert "the conversion of" in answer.message
    assert "lose fields" in answer.message
    assert "status.storedVersions" in answer.message
    # And an object reads back whole through both versions.
    protected.fill(1)
    assert protected.content("v1")


def test_anything_else_of_the_crd_may_change(protected: Any) -> None:
    refused(protected)

    protected.change(lambda spec: spec["names"].update(categories=["greetings"]))
    protected.store("v1")
    other = protected.webhook.conversion
    other["webhook"]["clientConfig"]["url"] = "https://127.0.0.1:1/convert"
    protected.change(lambda spec: spec.update(conversion=other))


def test_it_may_end_where_only_the_stored_version_is_served(protected: Any) -> None:
    refused(protected)

    serve_only(protected, "v1alpha1")

    assert take_away(protected).status == 200


def test_it_may_not_end_while_objects_are_stored_in_a_version_of_before(protected: Any) -> None:
    refused(protected)
    protected.store("v1")
    serve_only(protected, "v1")
    assert sorted(protected.stored()) == ["v1", "v1alpha1"]

    assert take_away(protected).status == 403


def test_it_may_not_end_while_what_is_served_is_not_what_is_stored(protected: Any) -> None:
    refused(protected)

    serve_only(protected, "v1")

    assert take_away(protected).status == 403


async def test_another_crd_is_not_asked_about(
    protected: Any, flippable: Any, client: Client
) -> None:
    other = flippable()
    refused(protected)

    assert take_away(other).status == 200


async def test_the_policy_goes_with_its_crd(
    flippable: Any, client: Client, eventually: Any
) -> None:
    hello = flippable()
    await Protection(client, hello.name, may=lambda: True).once()
    for resource in (POLICIES, BINDINGS):
        live = await client.get(resource, None, policy_name(hello.name))
        (owner,) = live["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"]) == ("CustomResourceDefinition", hello.name)
        assert owner["uid"] == hello.installed.crd()["metadata"]["uid"]


async def test_a_second_look_writes_nothing_and_what_was_changed_is_put_right(
    protected: Any, client: Client
) -> None:
    look = Protection(client, protected.name, may=lambda: True)
    before = client.writes
    await look.once()
    assert client.writes == before

    name = policy_name(protected.name)
    changed = await client.get(BINDINGS, None, name)
    changed["spec"]["validationActions"] = ["Audit"]
    await client.replace(BINDINGS, None, changed)
    await look.once()

    found = await client.get(BINDINGS, None, name)
    assert found["spec"]["validationActions"] == ["Deny"]


async def test_a_policy_of_somebody_else_with_that_name_is_left_alone(
    flippable: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    hello = flippable()
    name = policy_name(hello.name)
    theirs = {"metadata": {"name": name}, "spec": {"validations": [{"expression": "true"}]}}
    rules = [
        {
            "apiGroups": ["example.com"],
            "apiVersions": ["v1"],
            "operations": ["UPDATE"],
            "resources": ["things"],
        }
    ]
    theirs["spec"]["matchConstraints"] = {"resourceRules": rules}
    await client.create(POLICIES, None, theirs)
    try:
        protection = Protection(client, hello.name, may=lambda: True, interval=0.01)
        looking = asyncio.create_task(protection.run())
        async with asyncio.timeout(60):
            while "is not managed by this operator" not in caplog.text:  # noqa: ASYNC110 - it is logged
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)  # many looks
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

        found = await client.get(POLICIES, None, name)
        assert found["spec"]["validations"] == [{"expression": "true"}]
        # Told once, however often it is looked at.
        assert caplog.text.count("is not managed by this operator and stays as it is") == 1
    finally:
        for resource in (POLICIES, BINDINGS):
            hello.installed.api("DELETE", resource.path(None, name))


async def test_a_crd_without_a_conversion_is_not_protected(flippable: Any, client: Client) -> None:
    hello = flippable()
    hello.change(lambda spec: spec.update(conversion={"strategy": "None"}))

    before = client.writes
    await Protection(client, hello.name, may=lambda: True).once()

    assert client.writes == before


def test_the_crd_and_its_objects_stay_when_their_owner_is_deleted(protected: Any) -> None:
    """As OLM v1 owns a bundle's CRDs by a ClusterExtension."""
    refused(protected)
    protected.fill(1)
    api, crd = protected.installed.api, f"{CRDS}/{protected.name}"
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    name = f"owner-of-{protected.name}"
    role = api("POST", roles, {"metadata": {"name": name}, "rules": []}).ok()
    owner = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "name": name,
        "uid": role["metadata"]["uid"],
    }
    patch = {"metadata": {"ownerReferences": [owner]}}
    api("PATCH", crd, patch, Content_Type="application/merge-patch+json").ok()
    other = {"metadata": {"name": f"also-{name}", "ownerReferences": [owner]}, "rules": []}
    api("POST", roles, other).ok()

    collector = "system:serviceaccount:kube-system:generic-garbage-collector"
    said = api("DELETE", f"{crd}?dryRun=All", **as_account(collector))
    assert said.status == 403
    assert f"kubectl delete crd {protected.name}" in said.message
    api("DELETE", f"{roles}/{name}").ok()
    # The garbage collector goes through all that the owner leaves.
    protected.eventually(
        lambda: api("GET", f"{roles}/also-{name}"), lambda answer: answer.status == 404
    )
    assert protected.content("v1")
    assert "deletionTimestamp" not in protected.installed.crd()["metadata"]
    api("PATCH", crd, {"metadata": {"ownerReferences": None}},
        Content_Type="application/merge-patch+json").ok()  # fmt: skip


async def test_its_siblings_may_be_deleted_when_the_crd_is_gone(
    flippable: Any, client: Client
) -> None:
    hello, sibling = flippable(), flippable()
    api = hello.installed.api
    await Protection(client, hello.name, may=lambda: True, siblings=[sibling.name]).once()
    refused(hello)
    # The garbage collector takes the policy with the CRD, seconds later: not in this test.
    for resource in (POLICIES, BINDINGS):
        live = await client.get(resource, None, policy_name(hello.name))
        del live["metadata"]["ownerReferences"]
        await client.replace(resource, None, live)
    try:
        api("DELETE", f"{CRDS}/{hello.name}").ok()
        hello.eventually(
            lambda: api("GET", f"{CRDS}/{hello.name}"), lambda answer: answer.status == 404
        )
        # The policy's parameter goes from the API server's own cache some milliseconds later.
        for _ in range(20):
            assert api("DELETE", f"{CRDS}/{sibling.name}?dryRun=All").status == 200
            await asyncio.sleep(0.1)
    finally:
        for resource in (BINDINGS, POLICIES):
            api("DELETE", resource.path(None, policy_name(hello.name)))


def test_who_deletes_the_crd_itself_is_not_held_up(protected: Any) -> None:
    refused(protected)

    path = f"{CRDS}/{protected.name}?dryRun=All"
    assert protected.installed.api("DELETE", path).status == 200
