"""What OLM's objects mean: each way a Subscription can hang is said in a sentence of its own."""

from dataclasses import replace
from typing import Any

import pytest

from kopfkit.olm.installation import Observed, assess, unmet
from kopfkit.olm.subscription import Patience

CSV = "hello.v0.1.0"
START = Observed("hello", "stable")
UNPACKING = ("BundleUnpacking", "x")


def catalog(state: str = "READY", **status: Any) -> dict[str, Any]:
    connection = {"connectionState": {"lastObservedState": state}} if state else {}
    return {"metadata": {"name": "hello-abc"}, "status": {**connection, **status}}


def subscription(*conditions: tuple[str, str], **status: Any) -> dict[str, Any]:
    listed = [{"type": kind, "status": "True", "message": text} for kind, text in conditions]
    return {"status": {"conditions": listed, **status}}


def csv(phase: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": CSV}, "status": {"phase": phase, **status}}


def pod(name: str, reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"containers": [{"name": "main", "image": "registry/hello:v1"}]},
        "status": {
            "containerStatuses": [
                {
                    "name": "main",
                    "state": {"waiting": {"reason": reason, "message": message}},
                    **more,
                }
            ]
        },
    }


INSTALLED = replace(
    START,
    catalog=catalog(),
    subscription=subscription(installedCSV=CSV, currentCSV=CSV),
    csv=csv("Succeeded"),
)

PROBE = {"httpGet": {"path": "/readyz", "port": "health"}}
ANSWER = "Readiness probe failed: HTTP probe failed with statuscode: 404"


def unready(**more: Any) -> Observed:
    """An operator whose pod runs and is not ready."""
    found = pod("hello-1", "")
    (container,) = found["spec"]["containers"]
    ports = [{"name": "health", "containerPort": 8080}]
    container |= {"ports": ports, "readinessProbe": PROBE, "startupProbe": PROBE}
    (status,) = found["status"]["containerStatuses"]
    status |= {"state": {"running": {}}, "ready": False, "started": True, **more}
    events = [
        {"reason": "Unhealthy", "involvedObject": {"name": name}, "message": message,
         "lastTimestamp": at}
        for name, message, at in (
            ("hello-1", "old", "2026-01-01T00:00:00Z"),
            ("hello-1", ANSWER, "2026-01-01T00:00:09Z"),
            ("other", "not of this pod", "2026-01-01T00:00:10Z"),
        )
    ]  # fmt: skip
    return replace(START, csv=csv("Installing"), operator_pods=[found], events=events)


STAGES = [
    (START, "waiting for the catalog's pod"),
    (replace(START, catalog=catalog("CONNECTING")), "catalog CONNECTING"),
    (replace(START, catalog=catalog()), "catalog READY, resolving the Subscription"),
    (
        replace(START, catalog=catalog(), subscription=subscription(UNPACKING)),
        "unpacking the bundle",
    ),
    (
        replace(
            START,
            install_plan={"metadata": {"name": "install-1"}, "status": {"phase": "Installing"}},
        ),
        "InstallPlan install-1 Installing",
    ),
    (replace(START, csv=csv("Pending")), f"{CSV} Pending"),
    (INSTALLED, f"{CSV} Succeeded"),
]


@pytest.mark.parametrize(("seen", "stage"), STAGES, ids=[stage for _, stage in STAGES])
def test_each_stage_has_its_name(seen: Observed, stage: str) -> None:
    assert assess(seen).stage == stage


def test_only_a_succeeded_csv_that_is_installed_ends_the_wait() -> None:
    assert assess(INSTALLED).done
    assert not assess(replace(INSTALLED, csv=csv("Installing"))).done
    assert not assess(replace(INSTALLED, subscription=subscription(currentCSV=CSV))).done
    upgrading = subscription(currentCSV=CSV, installedCSV="hello.v0.0.9")
    assert not assess(replace(INSTALLED, subscription=upgrading)).done


def test_after_a_change_of_catalog_the_old_status_does_not_count() -> None:
    changed = replace(INSTALLED, only_head=True)
    assert not assess(changed).done
    assert not assess(replace(changed, heads={"stable": "hello.v0.2.0"})).done
    assert assess(replace(changed, heads={"stable": CSV})).done


def test_a_crd_that_is_not_connected_to_its_webhook_is_waited_for() -> None:
    crd = {"metadata": {"name": "hellos"}, "spec": {"conversion": {"webhook": {}}}}
    cut_off = replace(INSTALLED, converted=[crd])
    assert not assess(cut_off).done
    assert assess(cut_off).stage == f"{CSV} Succeeded, hellos not yet connected to its webhook"
    client = {"caBundle": "..."}
    connected = {**crd, "spec": {"conversion": {"webhook": {"clientConfig": client}}}}
    assert assess(replace(INSTALLED, converted=[connected])).done


FAULTS = [
    (
        replace(START, catalog_pods=[pod("catalog-1", "ImagePullBackOff", "not found")]),
        "image registry/hello:v1: cannot be pulled for pod catalog-1 (ImagePullBackOff: not found)",
    ),
    (
        replace(START, catalog=catalog("", reason="SpecInvalidError", message="no image")),
        "CatalogSource hello-abc: SpecInvalidError: no image",
    ),
    (
        replace(START, unpack_pods=[pod("unpack-1", "ErrImagePull", "no such host")]),
        "image registry/hello:v1: cannot be pulled for pod unpack-1 (ErrImagePull: no such host)",
    ),
    (
        replace(START, catalog=catalog(), subscription=subscription(("ResolutionFailed", "no x"))),
        "Subscription hello: cannot be resolved: no x",
    ),
    (
        replace(START, subscription=subscription(("BundleUnpackFailed", "took too long"))),
        "the bundle: cannot be unpacked: took too long",
    ),
    (
        replace(START, heads={"beta": "x", "alpha": "x"}),
        "channel stable of package hello: is not in the catalog; the package has: alpha, beta",
    ),
    (
        replace(START, heads={}),
        "channel stable of package hello: is not in the catalog, which does not have the package",
    ),
    (
        replace(
            START,
            install_plan={
                "metadata": {"name": "install-1"},
                "status": {
                    "phase": "Failed",
                    "conditions": [{"status": "False", "message": "CRD refused"}],
                },
            },
        ),
        "InstallPlan install-1: failed: CRD refused",
    ),
    (
        replace(START, csv=csv("Failed", reason="InstallCheckFailed", message="timeout")),
        f"ClusterServiceVersion {CSV}: failed (InstallCheckFailed: timeout)",
    ),
    (
        replace(
            START,
            csv=csv("Installing"),
            operator_pods=[
                pod(
                    "hello-1",
                    "CrashLoopBackOff",
                    lastState={"terminated": {"reason": "Error", "exitCode": 3}},
                )
            ],
        ),
        "container main of pod hello-1: is crash-looping (Error, exit status 3)",
    ),
    (
        replace(
            START,
            csv=csv("Installing"),
            deployments=[
                {
                    "metadata": {"name": "hello"},
                    "status": {
                        "conditions": [
                            {
                                "type": "ReplicaFailure",
                                "status": "True",
                                "reason": "FailedCreate",
                                "message": "violates PodSecurity",
                            }
                        ]
                    },
                }
            ],
        ),
        "Deployment hello: gets no pods (FailedCreate: violates PodSecurity)",
    ),
]


@pytest.mark.parametrize(("seen", "sentence"), FAULTS, ids=[text[:40] for _, text in FAULTS])
def test_each_way_to_hang_has_its_sentence(seen: Observed, sentence: str) -> None:
    assert [f"{fault.what}: {fault.why}" for fault in assess(seen).faults] == [sentence]


def leaving(**more: Any) -> dict[str, Any]:
    """A CSV that somebody has deleted and that a finalizer holds."""
    since = {"deletionTimestamp": "2026-11-30T10:00:00Z", "finalizers": ["example.com/cleanup"]}
    return {"metadata": {"name": CSV, "namespace": "ns", **since}, "status": {}, **more}


@pytest.mark.parametrize(
    "seen",
    [
        replace(INSTALLED, csv=leaving(status={"phase": "Succeeded"})),
        replace(START, catalog=catalog(), subscription=subscription(), remains=[leaving()]),
    ],
    ids=["of the Subscription", "of one that is gone"],
)
def test_a_csv_that_is_being_deleted_is_waited_for_and_told_with_what_holds_it(
    seen: Observed,
) -> None:
    found = assess(seen)
    assert not found.done
    assert found.stage == f"waiting until {CSV} is deleted"
    first = found.faults[0]
    assert first.what == f"ClusterServiceVersion {CSV} in ns"
    assert "since 2026-11-30T10:00:00Z" in first.why
    assert "finalizers: example.com/cleanup" in first.why
    assert "kopfkit unsubscribe --package hello --namespace ns" in first.hint
    patience = Patience()
    assert patience.exhausted(found, 0) is None
    assert patience.exhausted(found, 60) == first


def test_what_olm_is_deleting_itself_is_waited_for_too_and_what_stays_is_not() -> None:
    deleting = {**csv("Deleting"), "metadata": {"name": CSV, "namespace": "ns"}}
    found = assess(replace(START, catalog=catalog(), remains=[deleting]))
    assert found.stage == f"waiting until {CSV} is deleted"
    assert "finalizers" not in found.faults[0].why
    stays = assess(replace(START, catalog=catalog(), remains=[csv("Succeeded")]))
    assert (stays.stage, stays.faults) == ("catalog READY, resolving the Subscription", ())


def test_a_pod_that_runs_and_is_never_ready_is_named_with_its_probes_answer() -> None:
    (fault,) = assess(unready()).faults
    assert fault.what == "pod hello-1"
    assert fault.why == f"runs, and its container main does not become ready: {ANSWER}"
    assert "readinessProbe asks GET /readyz on port 8080" in fault.hint
    (starting,) = assess(unready(started=False)).faults
    assert "does not become healthy" in starting.why
    assert "startupProbe asks" in starting.hint
    (again,) = assess(unready(restartCount=1)).faults
    assert again.patience < fault.patience


def test_a_pod_that_is_ready_or_ends_is_no_fault_of_readiness() -> None:
    assert assess(unready(ready=True)).faults == ()
    assert assess(unready(state={"terminated": {}})).faults == ()


def test_a_container_that_its_startup_probe_kills_is_told_with_the_answer() -> None:
    seen = unready(state={"waiting": {"reason": "CrashLoopBackOff"}}, started=False)
    (fault,) = assess(seen).faults
    assert fault.why == f"is crash-looping: {ANSWER}"


def test_an_unanswering_catalog_is_not_a_failed_resolution() -> None:
    seen = replace(START, subscription=subscription(("ResolutionFailed", "connection refused")))
    assert assess(replace(seen, catalog=catalog("CONNECTING"))).faults == ()


def test_a_resolution_that_failed_before_the_bundle_is_unpacked_is_no_fault() -> None:
    failed = ("ResolutionFailed", "connection refused")
    told = replace(START, catalog=catalog(), subscription=subscription(failed, UNPACKING))
    pods = replace(told, subscription=subscription(failed), unpack_pods=[pod("unpack", "")])
    for seen in (told, pods):
        assert assess(seen).faults == ()
    broken = subscription(failed, ("BundleUnpackFailed", "too old"))
    (fault,) = assess(replace(pods, subscription=broken)).faults
    assert fault.why == "cannot be unpacked: too old"


def test_what_runs_is_not_called_broken_for_what_it_went_through() -> None:
    assert assess(replace(INSTALLED, operator_pods=[pod("p", "ErrImagePull")])).faults == ()


def test_a_fault_counts_only_after_it_has_stood_without_a_break() -> None:
    pulling = assess(replace(START, catalog_pods=[pod("catalog-1", "ErrImagePull")]))
    backing_off = assess(replace(START, catalog_pods=[pod("catalog-1", "ImagePullBackOff")]))
    limit = pulling.faults[0].patience

    patience = Patience()
    assert patience.exhausted(pulling, 0) is None
    # The kubelet alternates between the two; it is one fault.
    assert patience.exhausted(backing_off, limit - 1) is None
    assert patience.exhausted(pulling, limit) is not None

    patience = Patience()
    assert patience.exhausted(pulling, 0) is None
    assert patience.exhausted(assess(START), limit - 1) is None
    assert patience.exhausted(pulling, limit) is None


def test_an_image_name_that_cannot_be_one_is_final_at_once() -> None:
    wrong = assess(replace(START, catalog_pods=[pod("catalog-1", "InvalidImageName")]))
    assert Patience().exhausted(wrong, 0) is not None


def test_a_pending_csv_says_what_it_waits_for() -> None:
    waiting = csv(
        "Pending",
        requirementStatus=[
            {"kind": "CustomResourceDefinition", "name": "a.b", "status": "Present"},
            {"kind": "ServiceAccount", "name": "hello", "status": "NotPresent", "message": "gone"},
        ],
    )
    assert unmet(waiting) == ["ServiceAccount hello: gone"]
