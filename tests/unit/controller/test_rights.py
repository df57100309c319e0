"""The uses that rights follow from are those of the tables that the controller works by."""

from collections import defaultdict

from helloworld_operator.controller.kinds import KINDS
from helloworld_operator.controller.rights import USES
from helloworld_operator.controller.sources import WATCHED
from kopfkit.runtime.resources import Resource


def uses() -> dict[Resource, set[str]]:
    """The verbs by resource, subresources left out."""
    found: dict[Resource, set[str]] = defaultdict(set)
    for use in USES:
        if not use.subresource:
            found[use.resource].update(use.verbs)
    return found


def test_what_is_watched_may_be_watched_and_nothing_else() -> None:
    watched = {each.resource for each in WATCHED}
    assert {resource for resource, verbs in uses().items() if "watch" in verbs} == watched
    assert all({"get", "list", "watch"} <= uses()[resource] for resource in watched)


def test_children_may_be_made_and_repaired_and_deleted_where_they_are_removed() -> None:
    children = {kind.resource: kind.remove for kind in KINDS}
    applied = {resource for resource, verbs in uses().items() if "patch" in verbs}
    assert applied == set(children)
    for resource, remove in children.items():
        assert uses()[resource] - {"get", "list", "watch"} == {
            "create",
            "patch",
            *(("delete",) if remove else ()),
        }
