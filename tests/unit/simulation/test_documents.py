"""Objects are read from what kubectl writes, in YAML and JSON, and never half."""

import json
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.simulation.documents import read_documents


def test_objects_are_read_from_every_file_with_the_values_that_kubectl_means(
    tmp_path: Path,
) -> None:
    one = "kind: A\nspec: {message: =, at: 12:30:45, since: 2026-08-21, mode: 0o7, on: yes}\n"
    (tmp_path / "a.yml").write_text(f"{one}---\n---\nkind: AList\nitems:\n- kind: B\n")
    (tmp_path / "b.json").write_text(json.dumps({"kind": "C"}) + json.dumps({"kind": "D"}))
    first, *others = read_documents(tmp_path)
    assert first["spec"] == {
        "message": "=",
        "at": "12:30:45",
        "since": "2026-08-21",
        "mode": 7,
        "true": True,
    }
    assert [one["kind"] for one in others] == ["B", "C", "D"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: A\nkind: B\n", "a.yaml:2: the key 'kind' is there twice"),
        ("kind: A\n\tspec: {}\n", "a.yaml:2: is not YAML"),
        ("- kind: A\n", "a.yaml: holds a list, not an object"),
    ],
)
def test_what_is_no_object_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(KopfkitError) as error:
        read_documents(tmp_path)
    assert said in str(error.value)
