"""Every right the operator is granted is one it uses: granted minus used is empty.

It reads the audit logs that the other tests of this folder have filled, so it runs last (conftest),
waits for those that other processes of the run still try, and runs only with all of them. That
every right it uses is granted needs no test of its own: the operator runs with the roles that
config/rbac ships in every test here.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.project import NAME, PROJECT
from kopfkit.project import OLM
from kopfkit.testing.waiting import eventually

from .conftest import Folder

FOLDER = Path(__file__).parent
# Seconds for other processes to end their tests.
OTHERS = 1800.0
# API group, resource, verb
Right = tuple[str, str, str]

# Asked for by admission and not by a request of ours: the API server of these tests has
# OwnerReferencesPermissionEnforcement on, and would refuse our children without them.
BY_ADMISSION: set[Right] = {
    ("test.jiaozi.com", "helloworlds/finalizers", "update"),
    ("test.jiaozi.com", "helloworldsnapshots/finalizers", "update"),
}
# Used when the same is said again for longer than these tests run: shown by
# tests/integration/runtime/test_events.py.
BY_CHANCE: set[Right] = {("events.k8s.io", "events", "patch")}


def granted() -> set[Right]:
    """What the operator's service account may do where OLM or config/rbac installs it.

    Not the certificate rotator's rights, which config/default adds: those are shown by
    tests/e2e/deployed/test_deploy.py, where the webhook answers with the certificates it made.
    """
    return {
        (group, resource, verb)
        for permission in PROJECT.permissions
        if permission.service_account == NAME and OLM in permission.modes
        for rule in permission.rules
        for group in rule.groups
        for resource in rule.resources
        for verb in rule.verbs
    }


def used(audit_logs: Iterable[Path]) -> set[Right]:
    """What the operator's service account asked for and was not forbidden."""
    found: set[Right] = set()
    for line in (line for path in audit_logs for line in path.read_text().splitlines()):
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            continue  # being written
        of = event.get("objectRef")
        ours = event["user"]["username"].endswith(f":{NAME}")
        if ours and of and event.get("responseStatus", {}).get("code") != 403:
            resource = "/".join(filter(None, (of["resource"], of.get("subresource"))))
            found.add((of.get("apiGroup", ""), resource, event["verb"]))
    return found


def test_no_right_is_granted_that_is_not_used(request: pytest.FixtureRequest) -> None:
    items = [item for item in request.session.items if FOLDER in item.path.parents]
    ran = {item.path for item in items}
    missing = sorted(path.name for path in FOLDER.rglob("test_*.py") if path not in ran)
    if missing or request.config.option.keyword:
        pytest.skip(f"only with the whole folder; not run: {', '.join(missing) or 'some tests'}")
    others = {item.nodeid for item in items if item.path != Path(__file__)}
    eventually(lambda: others <= Folder.ended(), timeout=OTHERS, interval=1)
    assert granted() - used(Folder.audit_logs()) - BY_CHANCE == BY_ADMISSION
