"""What the operator may do, as its rights follow from its controllers."""

from collections import defaultdict

from helloworld_operator.controller import desired
from helloworld_operator.controller.operator import operator

READ = {"get", "list", "watch"}
# A child is made, repaired, and deleted where it may be unwanted: then nothing of it is lost.
CHILDREN = {
    each.kind.plural: READ | {"create", "patch"} | ({"delete"} if each.delete else set())
    for each in desired.CHILDREN
}


def test_the_operator_may_do_what_its_controllers_say_and_no_more() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for use in operator(None).uses():
        assert not use.names
        name = "/".join(filter(None, (use.resource.plural, use.subresource)))
        found[name].update(use.verbs)

    assert found == {
        **CHILDREN,
        "helloworlds": READ,
        "helloworlds/status": {"patch"},
        "helloworlds/finalizers": {"update"},
        # Made before an upgrade and by the schedule, deleted by its retention.
        "helloworldsnapshots": READ | {"create", "delete"},
        "helloworldsnapshots/status": {"patch"},
        "helloworldsnapshots/finalizers": {"update"},
        "deployments": READ | {"create", "patch"},
        # Never deleted: a volume goes with its owner, by the garbage collector.
        "persistentvolumeclaims": READ | {"create", "patch"},
        # Made and deleted, never changed.
        "jobs": READ | {"create", "delete"},
        "pods": {"list"},
        "events": {"list"},
        "limitranges": {"list"},
        "resourcequotas": {"list"},
    }


def test_only_what_holds_nothing_may_be_deleted() -> None:
    deleted = {use.resource.plural for use in operator(None).uses() if "delete" in use.verbs}

    assert deleted.isdisjoint({"persistentvolumeclaims", "deployments", "services", "secrets"})
