"""What happens to a storage migration, and what it must not do to objects then."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.migration import State, migrate
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client

FAST: dict[str, Any] = {"settle": 0.5, "rate": 0, "patience": 20}
SPEC = {"replicas": 2, "greeting": {"message": "Hi", "language": "en"}}


@contextmanager
def running(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """`work` in a thread until the block is left; its failure is the test's."""
    over = threading.Event()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work(over)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert errors == []


async def test_writers_through_both_versions_lose_nothing(hello: Any, client: Client) -> None:
    hello.fill(40, spec=SPEC)
    wanted: dict[str, int] = {}

    def write(over: threading.Event) -> None:
        dice = random.Random(1)
        while not over.is_set():
            name = f"hello-{dice.randrange(40):04}"
            version, field = dice.choice([("v1", "replicas"), ("v1alpha1", "size")])
            path = hello.installed.path(version, name)
            read = hello.installed.api("GET", path)
            if read.status == 429:
                continue
            obj = read.ok()
            number = dice.randrange(100)
            obj["spec"][field] = number
            answer = hello.installed.api("PUT", path, obj)
            if answer.status == 200:
                wanted[name] = number
            else:
                # 429: the API server swaps the CRD's storage, and nothing was written.
                assert answer.status in (409, 429), answer.body

    with running(write):
        await asyncio.to_thread(hello.eventually, lambda: len(wanted), lambda count: count > 10)
        hello.store("v1")
        result = await migrate(client, hello.name, page=5, **{**FAST, "rate": 40})
    assert result.trimmed
    assert set(hello.versions().values()) == {"v1"}
    for name, obj in hello.content().items():
        assert obj["spec"] == {**SPEC, "replicas": wanted.get(name, 2)}
    assert len(wanted) > 10


async def test_a_conversion_that_is_taken_away_half_way_empties_no_object(
    hello: Any, client: Client
) -> None:
    hello.fill(30)
    before = hello.content()
    hello.store("v1")
    declared = hello.installed.crd()["spec"]["conversion"]
    taken = False

    def take(state: State) -> None:
        # In the middle of a page, so that the rest of it is sent without a conversion.
        nonlocal taken
        if state.done == 12 and not taken:
            taken = True
            hello.change(lambda spec: spec.update(conversion={"strategy": "None"}))

    with pytest.raises(KopfkitError, match="would lose every field"):
        await migrate(client, hello.name, page=30, concurrency=1, progress=take, **FAST)
    assert taken
    assert hello.stored() == ["v1alpha1", "v1"]
    for obj in hello.etcd.objects(*hello.environment):
        version = obj["apiVersion"].partition("/")[2]
        assert obj["spec"] == (
            before[obj["metadata"]["name"]]["spec"]
            if version == "v1"
            else {"size": 3, "message": FULL_MESSAGE, "image": "hello:1"}
        )
    hello.change(lambda spec: spec.update(conversion=declared))
    result = await migrate(client, hello.name, **FAST)
    assert result.trimmed
    assert set(hello.versions().values()) == {"v1"}
    assert hello.content() == before


FULL_MESSAGE = "你好 <b>&amp;</b> \u2028"


async def test_a_crd_that_changes_half_way_is_migrated_under_its_last_form(
    hello: Any, client: Client
) -> None:
    hello.fill(20)
    hello.store("v1")
    seen: list[State] = []

    def write() -> str:
        obj = hello.installed.get("v1", "hello-0000")
        obj["spec"]["replicas"] += 1
        hello.installed.put("v1", obj)
        return str(hello.versions()["hello-0000"])

    def change(state: State) -> None:
        seen.append(state)
        if len(seen) == 12:
            # Back and forth: what is done already is written in the old version again.
            hello.store("v1alpha1")
            hello.eventually(write, lambda version: version == "v1alpha1")
            hello.store("v1")

    result = await migrate(client, hello.name, page=5, concurrency=1, progress=change, **FAST)
    assert result.trimmed
    assert set(hello.versions().values()) == {"v1"}
    assert hello.stored() == ["v1"]
    assert len(seen) > 20


async def test_a_webhook_that_does_not_answer_is_named_and_waited_for(
    hello: Any, client: Client
) -> None:
    hello.fill(12)
    before = hello.content()
    hello.store("v1")
    hello.webhook.kill()
    with pytest.raises(KopfkitError) as refused:
        await migrate(client, hello.name, **{**FAST, "patience": 1})
    assert "conversion webhook" in refused.value.why
    assert "Make the conversion webhook answer" in refused.value.hint
    assert hello.stored() == ["v1alpha1", "v1"]
    assert set(hello.versions().values()) == {"v1alpha1"}
    late = asyncio.get_running_loop().call_later(3, hello.webhook.start)
    result = await migrate(client, hello.name, **{**FAST, "patience": 60})
    late.cancel()
    assert result.trimmed
    assert set(hello.versions().values()) == {"v1"}
    assert hello.content() == before


async def test_what_admission_refuses_is_named_and_keeps_the_old_version_remembered(
    hello: Any, client: Client
) -> None:
    hello.fill(6)
    hello.store("v1")
    admission = "/apis/admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": [hello.group],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": ["helloworlds"],
    }
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": hello.group},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [
                {"expression": "object.metadata.name != 'hello-0002'", "message": "not this one"}
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": hello.group},
        "spec": {"policyName": hello.group, "validationActions": ["Deny"]},
    }
    api = hello.installed.api
    api("POST", f"{admission}/validatingadmissionpolicies", policy).ok()
    api("POST", f"{admission}/validatingadmissionpolicybindings", binding).ok()
    path = hello.installed.path("v1", "hello-0002")
    label = {"metadata": {"labels": {"a": "b"}}}
    hello.eventually(
        lambda: (
            api(
                "PATCH", f"{path}?dryRun=All", label, Content_Type="application/merge-patch+json"
            ).status
        ),
        lambda status: status >= 400,
    )
    for dry_run in (True, False):
        result = await migrate(client, hello.name, dry_run=dry_run, page=2, **FAST)
        assert [key for key, _ in result.refused] == ["default/hello-0002"]
        assert "not this one" in result.refused[0][1]
        assert not result.trimmed
        assert (result.state.done, result.state.refused) == (6, 1)
    assert hello.stored() == ["v1alpha1", "v1"]
    assert [name for name, version in hello.versions().items() if version == "v1alpha1"] == [
        "hello-0002"
    ]
    api("DELETE", f"{admission}/validatingadmissionpolicybindings/{hello.group}").ok()
    api("DELETE", f"{admission}/validatingadmissionpolicies/{hello.group}").ok()

    async def again() -> bool:
        return (await migrate(client, hello.name, **FAST)).trimmed

    # The API server forgets a policy a moment after it is deleted.
    for _ in range(100):
        if await again():
            break
        await asyncio.sleep(0.1)
    assert set(hello.versions().values()) == {"v1"}


def lax(crd: Any) -> None:
    """Let v1 hold anything in its spec."""
    for version in crd["spec"]["versions"]:
        if version["name"] == "v1":
            version["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
                "x-kubernetes-preserve-unknown-fields": True,
                "nullable": True,
            }
            version["subresources"].pop("scale", None)


ODD: list[Any] = [
    {"a<b>&": [1.0, 1e21, 1.5e-7, 0.1, -0.0, 2**62, 1e16, 123456.789, None, True, ""]},
    {"\u2028": {"~/": [[], {}, '\u007f\u0001\t\\"']}, "é": "𝄞"},
    {"n": 12345678901234567890123, "size": "x"},
    "text",
    None,
]


async def test_odd_objects_are_rewritten_byte_for_byte(
    flippable: Callable[..., Any], client: Client
) -> None:
    hello = flippable(change=lax)
    for number, spec in enumerate(ODD):
        hello.installed.make("v1", f"odd-{number}", spec=spec).ok()
    before = hello.content()
    hello.store("v1")
    result = await migrate(client, hello.name, **FAST)
    assert result.refused == ()
    assert set(hello.versions().values()) == {"v1"}
    assert hello.content() == before


async def test_managed_fields_and_generation_stay_as_they_were(hello: Any, client: Client) -> None:
    path = f"{hello.installed.path('v1', 'applied')}?fieldManager=someone"
    applied = hello.installed.object("v1", "applied", spec=SPEC)
    hello.installed.api("PATCH", path, applied, Content_Type="application/apply-patch+yaml").ok()
    before = hello.installed.get("v1", "applied")["metadata"]
    hello.store("v1")
    assert (await migrate(client, hello.name, **FAST)).state.rewritten == 1
    after = hello.installed.get("v1", "applied")["metadata"]
    assert after["resourceVersion"] != before["resourceVersion"]
    assert {**after, "resourceVersion": ""} == {**before, "resourceVersion": ""}


async def test_a_crd_that_is_not_there_is_named(client: Client) -> None:
    with pytest.raises(KopfkitError, match=r"CRD nothing\.example\.com: is not in this cluster"):
        await migrate(client, "nothing.example.com", **FAST)


class Late(Client):
    """Somebody does something just before the trim is sent."""

    def __init__(self, before: Callable[[], None]) -> None:
        super().__init__(credentials.load, manager="migration")
        self.before, self.trims = before, 0

    async def request(self, method: str, path: str, **more: Any) -> Any:
        if method == "PATCH" and path.endswith("/status"):
            self.trims += 1
            if self.trims == 1:
                await asyncio.to_thread(self.before)
        return await super().request(method, path, **more)


async def test_a_flip_at_the_moment_of_the_trim_is_not_forgotten(
    hello: Any, client: Client
) -> None:
    hello.fill(4)
    hello.store("v1")

    def write() -> str:
        obj = hello.installed.get("v1", "hello-0001")
        obj["spec"]["replicas"] += 1
        hello.installed.put("v1", obj)
        return str(hello.versions()["hello-0001"])

    def flip() -> None:
        hello.store("v1alpha1")
        hello.eventually(write, lambda version: version == "v1alpha1")
        hello.store("v1")

    late = Late(flip)
    await late.open()
    try:
        result = await migrate(late, hello.name, **FAST)
    finally:
        await late.close()
    assert late.trims == 2
    assert result.trimmed
    assert set(hello.versions().values()) == {"v1"}
    assert hello.stored() == ["v1"]
