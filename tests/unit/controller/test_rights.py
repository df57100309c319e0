"""What the operator may do, as its rights follow from its controllers."""

from collections import defaultdict

from helloworld_operator.controller.operator import operator

READ = {"get", "list", "watch"}


def test_the_operator_may_do_what_its_controllers_say_and_no_more() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for use in operator(None).uses():
        assert not use.names
        name = "/".join(filter(None, (use.resource.plural, use.subresource)))
        found[name].update(use.verbs)

    assert found == {
        "helloworlds": READ,
        "helloworlds/status": {"patch"},
        "helloworlds/finalizers": {"update"},
        # Made before an upgrade and by the schedule, deleted by its retention.
        "helloworldsnapshots": READ | {"create", "delete"},
        "helloworldsnapshots/status": {"patch"},
        "helloworldsnapshots/finalizers": {"update"},
        "deployments": READ | {"create", "patch"},
        "services": READ | {"create", "patch"},
        # Never deleted: a volume goes with its owner, by the garbage collector.
        "persistentvolumeclaims": READ | {"create", "patch"},
        "horizontalpodautoscalers": READ | {"create", "patch", "delete"},
        # Made and deleted, never changed.
        "jobs": READ | {"create", "delete"},
        "pods": {"list"},
        "events": {"list"},
        "limitranges": {"list"},
        "resourcequotas": {"list"},
    }
