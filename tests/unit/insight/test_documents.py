"""Runbooks and dashboard: complete, consistent, importable."""

import itertools
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import helloworld_operator
from helloworld_operator.alerts import OWN

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs/runbooks"
DASHBOARDS = sorted((ROOT / "docs/dashboards").glob("*.json"))
COLUMNS = 24  # of Grafana's grid


@pytest.mark.parametrize("alert", OWN, ids=lambda alert: alert.name)
def test_each_alert_of_its_own_has_a_runbook_that_says_what_to_do(alert: Any) -> None:
    text = (RUNBOOKS / f"{alert.name}.md").read_text()
    assert text.startswith(f"# {alert.name}\n")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["What it means", "What is affected", "Where to look", "What to do"]
    assert f"Severity: {alert.severity}." in text
    assert "at once" in text or f"after {alert.minutes} minute" in text
    assert f"({alert.name}.md)" in (RUNBOOKS / "README.md").read_text()


def test_each_runbook_belongs_to_an_alert() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {alert.name for alert in OWN}


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_links_between_runbooks_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert (RUNBOOKS / target).exists(), target


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
class TestDashboard:
    """What Grafana needs to import a dashboard and show it as it was meant."""

    def test_it_names_itself(self, path: Path) -> None:
        found = json.loads(path.read_text())
        assert found["uid"] == path.stem
        assert len(found["uid"]) <= 40
        assert found["title"]
        assert found["schemaVersion"] >= 36
        assert "id" not in found  # it is the importing Grafana's to give

    def test_panels_have_ids_of_their_own_and_do_not_overlap(self, path: Path) -> None:
        panels = json.loads(path.read_text())["panels"]
        ids = [panel["id"] for panel in panels]
        assert len(set(ids)) == len(ids)
        places = [panel["gridPos"] for panel in panels]
        for place in places:
            assert place["x"] + place["w"] <= COLUMNS
        for one, other in itertools.combinations(places, 2):
            apart = (
                one["x"] + one["w"] <= other["x"]
                or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"]
                or other["y"] + other["h"] <= one["y"]
            )
            assert apart, (one, other)

    def test_every_panel_says_what_it_shows_and_asks_the_chosen_source(self, path: Path) -> None:
        found = json.loads(path.read_text())
        variables = {variable["name"] for variable in found["templating"]["list"]}
        assert {"datasource", "namespace"} <= variables
        for panel in found["panels"]:
            if panel["type"] == "row":
                continue
            assert panel["title"]
            assert panel["description"].endswith(".")
            assert panel["targets"]
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs)
            for asks in (panel, *panel["targets"]):
                assert asks["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            for target in panel["targets"]:
                used = set(re.findall(r"\$(\w+)", target["expr"]))
                assert used <= variables | {"__rate_interval"}
                assert '{namespace=~"$namespace"' in target["expr"]


def test_there_is_a_dashboard() -> None:
    assert [path.stem for path in DASHBOARDS] == ["helloworld-operator"]


def test_the_version_that_is_told_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert helloworld_operator.__version__ == project["version"]
