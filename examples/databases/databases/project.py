"""The description of the database operator; rights and Deployments follow from `OPERATOR`."""

from dataclasses import replace

from databases.operator import OPERATOR
from kopfkit.project import Icon, Link, Maintainer, Provider, derived

REPOSITORY = "https://example.com/database-operator"
ICON = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">
<rect width="8" height="8"/></svg>"""
SAMPLE = {
    "apiVersion": "data.example.com/v1",
    "kind": "Database",
    "metadata": {"name": "database-sample"},
    "spec": {"hostName": "orders", "replicas": 1},
}

(CONTROLLER,) = derived.deployments(OPERATOR)
# Where host names are registered.
ENVIRONMENT = {"REGISTRY": "https://host-names.example.com"}

PROJECT = derived.project(
    OPERATOR,
    deployments=(replace(CONTROLLER, env={**CONTROLLER.env, **ENVIRONMENT}),),
    display_name="Database Operator",
    summary="Keeps databases and their host names",
    description="Keeps databases and their host names.",
    provider=Provider("The data team", REPOSITORY),
    icon=Icon(ICON),
    links=(Link("Source", REPOSITORY),),
    maintainers=(Maintainer("The data team", "data@example.com"),),
    keywords=("database",),
    categories=("Database",),
    capabilities="Basic Install",
    maturity="alpha",
    min_kube_version="1.30.0",
    repository=REPOSITORY,
    image_base="registry.example.com/data/database-operator",
    samples=(SAMPLE,),
)
