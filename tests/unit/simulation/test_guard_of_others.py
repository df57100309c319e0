"""`kopfkit simulate upgrade` of an operator in Go, without and with the guard that is injected."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import gobundles
from gobundles import CSV_FILE, GUARD, WEBHOOK
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.conversion import guard

IMAGE = "quay.io/me/kopfkit-guard:v1"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(kopfkit, [str(each) for each in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.output


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, Path]:
    """0.1.0, and 0.2.0 which replaces it."""
    made = []
    for version, replaces in (("0.1.0", ""), ("0.2.0", "0.1.0")):
        place = tmp_path / version
        for name, text in gobundles.texts(gobundles.bundle(version, replaces=replaces)).items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        made.append(place)
    return made[0], made[1]


def inject(*places: Path) -> None:
    for place in places:
        assert run("guard", "inject", place, "--image", IMAGE)[0] == 0


def verdicts(old: Path, new: Path, *options: str) -> dict[str, str]:
    """By step; of the CRD and of its clients the worst."""
    _, text = run("simulate", "upgrade", old, new, "--json", *options)
    order = ["ok", "unknown", "fails", "corrupts"]
    found: dict[str, str] = {}
    for each in json.loads(text)["findings"]:
        known = found.get(each["step"], "ok")
        found[each["step"]] = max(known, each["verdict"], key=order.index)
    return found


def test_without_the_guard_calls_fail_and_the_hint_names_the_command(
    bundles: tuple[Path, Path],
) -> None:
    code, text = run("simulate", "upgrade", *bundles)
    assert code == 3
    assert "the CRD was overwritten by one without a caBundle" in text
    assert "kopfkit guard inject" in " ".join(text.split())
    found = verdicts(*bundles)
    failing = {step for step, verdict in found.items() if verdict == "fails"}
    assert failing == {
        "CRD overwritten",
        "webhook rolled out",
        "CRD overwritten again",
        "old release removed",
    }


def test_with_the_guard_in_both_no_call_fails(bundles: tuple[Path, Path]) -> None:
    inject(*bundles)
    assert set(verdicts(*bundles).values()) == {"ok"}
    code, text = run("simulate", "upgrade", *bundles, "--all")
    assert code == 0
    assert "the guard keeps the conversion" in text
    assert f"{WEBHOOK}-service-cert belongs to the Deployment and stays" in " ".join(text.split())


def test_the_guard_helps_from_the_upgrade_on_in_which_the_old_release_has_it(
    bundles: tuple[Path, Path],
) -> None:
    old, new = bundles
    without = verdicts(old, new)
    inject(new)
    assert verdicts(old, new) == without
    # And whoever leaves it out again is helped once more.
    inject(old)
    assert run("guard", "remove", new)[0] == 0
    assert set(verdicts(old, new).values()) == {"ok"}


def test_a_guard_that_does_not_answer_leaves_it_as_it_was(bundles: tuple[Path, Path]) -> None:
    inject(*bundles)
    found = verdicts(*bundles, "--no-guard")
    assert (found["CRD overwritten"], found["old release removed"]) == ("fails", "ok")


def test_an_injected_guard_keeps_no_second_authority_trusted(
    bundles: tuple[Path, Path],
) -> None:
    inject(*bundles)
    path = bundles[0] / CSV_FILE
    csv = yamls.read(path)
    permissions = csv["spec"]["install"]["spec"]["permissions"]
    permissions[:] = [one for one in permissions if one["serviceAccountName"] != GUARD]
    path.write_text(yamls.dump(csv))
    assert verdicts(*bundles)["old release removed"] == "fails"


def test_the_guards_rule_holds_for_the_crds_as_they_are_in_a_cluster(
    bundles: tuple[Path, Path],
) -> None:
    inject(*bundles)
    live: Any = copy.deepcopy(yamls.read(bundles[0] / gobundles.CRD_FILE))
    live["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"] = "Q0E="
    new = yamls.read(bundles[1] / gobundles.CRD_FILE)
    assert guard.kept(live, new) == live["spec"]["conversion"]
