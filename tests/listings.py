"""Catalogs of a package with any upgrade graph, good and bad ones."""

from typing import Any

from hypothesis import strategies as st

Object = dict[str, Any]


def catalog(versions: list[str], listed: dict[str, list[Object]]) -> list[Object]:
    """The documents of a package whose bundles are named after their versions."""
    bundles = []
    for version in versions:
        value = {"packageName": "shop", "version": version}
        metadata = {
            "annotations": {"createdAt": "2026-01-02"},
            "crdDescriptions": {"owned": [{"name": "tills.x.example.com", "kind": "Till"}]},
        }
        gvk = {"group": "x.example.com", "kind": "Till", "version": "v1"}
        properties = [
            {"type": "olm.package", "value": value},
            {"type": "olm.gvk", "value": gvk},
            {"type": "olm.csv.metadata", "value": metadata},
        ]
        name = bundle_name(version)
        bundles.append(
            {
                "schema": "olm.bundle",
                "name": name,
                "package": "shop",
                "image": "example.com/x:v1",
                "properties": properties,
            }
        )
    return [
        {"schema": "olm.package", "name": "shop", "defaultChannel": next(iter(listed))},
        *(
            {"schema": "olm.channel", "package": "shop", "name": name, "entries": entries}
            for name, entries in listed.items()
        ),
        *bundles,
    ]


def bundle_name(version: str) -> str:
    """Some are named as usual, some are not."""
    return f"shop.v{version}" if version.endswith("0") else f"till-{version}"


VERSIONS = ["0.9.0", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "1.1.1+7", "2.0.0"]


@st.composite
def listings(draw: st.DrawFn) -> dict[str, list[Object]]:
    names = [bundle_name(one) for one in VERSIONS]
    known = st.sampled_from([*names, "shop.v0.0.1", "elsewhere"])
    found = {}
    for channel in draw(
        st.lists(st.sampled_from(["alpha", "4.8", "on", "Fast"]), min_size=1, unique=True)
    ):
        entries = []
        for name in draw(st.lists(st.sampled_from(names), min_size=1, unique=True)):
            entry: Object = {"name": name}
            if draw(st.booleans()):
                entry["replaces"] = draw(known)
            if skips := draw(st.lists(known, max_size=3, unique=True)):
                entry["skips"] = skips
            if draw(st.booleans()):
                entry["skipRange"] = draw(st.sampled_from(["<1.0.0", ">=0.9.0 <1.1.0", "0.x"]))
            entries.append(entry)
        found[channel] = entries
    return found
