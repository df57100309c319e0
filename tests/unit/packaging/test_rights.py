"""Rules follow from what is declared to be done, and from nothing else."""

from kopfkit.crd import CustomResource
from kopfkit.project import OLM, Conversion, Project, Rule, rights
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.api.rights import Use, status_of

BOXES = Resource("example.com", "v1", "boxes")
PODS = Resource("", "v1", "pods")


def test_uses_of_one_resource_are_one_rule_with_sorted_verbs() -> None:
    permission = rights.main(
        "box-operator",
        (
            Use(BOXES, ("watch", "get")),
            *status_of(BOXES),
            Use(PODS, ("list",)),
            Use(BOXES, ("list",)),
        ),
    )
    assert permission.rules == (
        Rule(("example.com",), ("boxes",), ("get", "list", "watch")),
        Rule(("example.com",), ("boxes/status",), ("patch",)),
        Rule(("example.com",), ("boxes/finalizers",), ("update",)),
        Rule(("",), ("pods",), ("list",)),
    )
    assert (permission.service_account, permission.cluster) == ("box-operator", True)


def test_uses_of_named_objects_stay_apart_from_those_of_all() -> None:
    found = rights.rules((Use(PODS, ("create",)), Use(PODS, ("get",), names=("a",))))
    assert found == (
        Rule(("",), ("pods",), ("create",)),
        Rule(("",), ("pods",), ("get",), ("a",)),
    )


def test_the_parts_grant_by_name_what_can_be_named(project: Project) -> None:
    resource: CustomResource = project.resources[0]
    conversion = Conversion(deployment="box-webhook")
    parts = (
        rights.leader_election("box", lease="box"),
        rights.storage_migration("box", resource),
        rights.protection("box", resource),
        rights.monitoring("box", project="box"),
        *rights.certificate_owner(conversion, resource),
        *rights.certificates("box", conversion, resource),
    )
    sensitive = {"secrets", "customresourcedefinitions", "customresourcedefinitions/status"}
    (read_crds,) = (rule for rule in parts[2].rules if rule.verbs == ("get",) and not rule.names)
    assert read_crds.resources == ("customresourcedefinitions",)
    for part in parts:
        for rule in part.rules:
            # CRDs may be read: everybody may, who asks for discovery.
            harmless = rule.verbs == ("create",) or rule == read_crds
            assert rule.names or harmless or not sensitive & {*rule.resources}
    assert [part.name for part in parts if part.converting] == ["conversion-protection"]
    of_olm = [part for part in parts if part.modes == {OLM}]
    assert [part.service_account for part in of_olm] == ["box-webhook", "box-webhook"]
