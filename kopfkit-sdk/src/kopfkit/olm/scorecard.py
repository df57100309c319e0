"""Runs operator-sdk's scorecard in a cluster: one pod a test, in a namespace of the run's own.

operator-sdk does the running; this gives it images that the cluster can pull, a place, and time.
"""

import contextlib
import json
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.olm import olmobjects
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

# Seconds for all tests of a run: each is a pod that takes some, and the first pulls its images.
TIMEOUT = 300.0


@dataclass(frozen=True)
class Result:
    """What one test says.

    Attributes:
        suite, test: its labels.
        state: "pass", "fail" or "error".
        errors, suggestions: its words.
    """

    suite: str
    test: str
    state: str
    errors: list[str] = field(default_factory=list)
    suggestions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """How a run goes.

    Attributes:
        bundle: the bundle's directory.
        config: the scorecard's Configuration.
        tools: image with tar and sh; "" is operator-sdk's own.
        selector: label selector of the tests to run; "" is all.
        namespace: where; "" makes one for the run and deletes it.
        service_account: of the tests' pods.
        wait: seconds for all tests together.
        keep: leave the pods, and the namespace.
    """

    bundle: Path
    config: dict[str, Any]
    tools: str = ""
    selector: str = ""
    namespace: str = ""
    service_account: str = "default"
    wait: float = TIMEOUT
    keep: bool = False


def run(kubeconfig: Path, asked: Run, progress: Progress) -> list[Result]:
    """Run the tests and return what they say, in the configuration's order.

    Raises KopfkitError if they cannot be run, or not one was selected.
    """
    output, _ = raw(kubeconfig, asked, "json", progress)
    try:
        items = _report(output)["items"] or []
    except (ValueError, KeyError):
        raise KopfkitError("scorecard", f"gave no report\n{process.tail(output)}") from None
    # They come as they end; a report is easier to compare in one order.
    order = [
        test.get("labels") for stage in asked.config["stages"] for test in stage.get("tests", [])
    ]
    items.sort(key=lambda item: order.index(item["spec"]["labels"]))
    found = [one for item in items for one in _results(item)]
    if not found:
        raise KopfkitError("scorecard", f"no test is selected by {asked.selector!r}")
    return found


def raw(kubeconfig: Path, asked: Run, output: str, progress: Progress) -> tuple[str, bool]:
    """The same as operator-sdk prints it ("json", "xunit" or "text"), and whether all pass."""
    tool = toolchain.tool("operator-sdk", progress)
    kubectl = Kubectl.at(kubeconfig, progress)
    tests = sum(len(stage.get("tests", [])) for stage in asked.config.get("stages", []))
    with contextlib.ExitStack() as stack:
        step = stack.enter_context(progress.step(f"Running the scorecard ({tests} tests)"))
        config = stack.enter_context(_written(asked.config))
        namespace = asked.namespace or stack.enter_context(_namespace(kubectl, asked.keep))
        words = [
            "scorecard", str(asked.bundle), "--config", str(config), "--kubeconfig",
            str(kubeconfig), "--namespace", namespace, "--pod-security", "restricted",
            "--service-account", asked.service_account, "--wait-time", f"{asked.wait:.0f}s",
            "--output", output,
        ]  # fmt: skip
        if asked.tools:
            words += ["--storage-image", asked.tools, "--untar-image", asked.tools]
        if asked.selector:
            words += ["--selector", asked.selector]
        if asked.keep:
            words.append("--skip-cleanup")
            step.note(f"the pods stay in namespace {namespace}")
        try:
            return process.run([tool, *words], timeout=asked.wait + 60), True
        except process.CommandFailed as error:
            # A test that fails is no failure of the run: its report is there.
            if '"items"' in error.output or "<testsuite" in error.output:
                return error.output, False
            raise KopfkitError(
                "scorecard",
                f"cannot be run\n{process.tail(error.output)}{_pods(kubectl, namespace)}",
                "Can the cluster pull the images? Is --wait-time long enough?",
            ) from error


def _report(output: str) -> dict[str, Any]:
    """The TestList in what operator-sdk prints; ValueError if there is none."""
    start = output.rindex("{", 0, output.index('"items"'))
    found: dict[str, Any] = json.JSONDecoder().raw_decode(output[start:])[0]
    return found


def _results(item: dict[str, Any]) -> Iterator[Result]:
    labels = item.get("spec", {}).get("labels", {})
    suite, test = labels.get("suite", ""), labels.get("test", "").removesuffix("-test")
    for one in item.get("status", {}).get("results") or [{"errors": ["the test reported nothing"]}]:
        yield Result(
            suite,
            one.get("name") or test,
            one.get("state", "error"),
            one.get("errors") or [],
            one.get("suggestions") or [],
        )


@contextlib.contextmanager
def _written(config: dict[str, Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="scorecard-") as directory:
        path = Path(directory) / "config.yaml"
        path.write_text(yamls.dump(config))
        yield path


@contextlib.contextmanager
def _namespace(kubectl: Kubectl, keep: bool) -> Iterator[str]:
    """A namespace with the restricted Pod Security Standard."""
    name = f"kopfkit-scorecard-{secrets.token_hex(3)}"
    kubectl.apply(olmobjects.namespace(name))
    try:
        # A pod is refused until its service account is there.
        kubectl.run(
            "wait", "--for=create", "serviceaccount/default", f"--namespace={name}",
            "--timeout=30s",
        )  # fmt: skip
        yield name
    finally:
        if not keep:
            kubectl.run("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def _pods(kubectl: Kubectl, namespace: str) -> str:
    """What the tests' pods wait for, as lines for an error."""
    lines = []
    with contextlib.suppress(KopfkitError):
        for pod in kubectl.list("pods", namespace, "app=scorecard-test"):
            status = pod.get("status", {})
            for one in [
                *status.get("initContainerStatuses", []),
                *status.get("containerStatuses", []),
            ]:
                waiting = one.get("state", {}).get("waiting", {})
                if waiting.get("message"):
                    lines.append(f"\n  | {pod['metadata']['name']}: {waiting['message']}")
    return "".join(lines)
