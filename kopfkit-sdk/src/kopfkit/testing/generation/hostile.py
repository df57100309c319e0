"""Annotations and labels as somebody writes them who wants a converter to fail.

What the API server takes, at its limits: names are qualified names, a label has 63 characters, all
annotations of an object together 256 KiB. Everything inside a text is free.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from kopfkit.conversion.annotation import ANNOTATIONS_LIMIT, CHANGES, DEPTH, DISCARD
from kopfkit.conversion.converter import INCOMPLETE
from kopfkit.conversion.differences import ABSENT
from kopfkit.testing.generation.choices import Choices
from kopfkit.testing.generation.schemas import Make, anything, maker

Schema = dict[str, Any]

_JUNK: Final = (
    *(
        "",
        "{",
        "null",
        "{}",
        "[]",
        "1",
        '"',
        '{"v1":{}}',
        '{"v1":null}',
        "\u0000",
        "\ud7ff",
        DISCARD,
    ),
    *('{"replaced":5,"v1":{"/spec/a":{"value":1}}}', '{"replaced":"\\"{","v1":{"/a":{"over":1}}}'),
    *('{"v1":{"/spec/a":{"value":"\\ud800"}}}', '{"v1":{"/spec/a":{"value":1e999}}}', "NaN", "-"),
    *('{"a":1,"a":2}', '{"v1":{"/spec":{"value":1}},"v1":{"/kind":{"value":"X"}}}', "{}{}"),
    "1" * 5000,
    "[" * 5000,
    '{"v1":{"/spec/a":{"value":' + "[" * DEPTH * 3 + "]" * DEPTH * 3 + "}}}",
    '{"v1":{"' + "/a" * 5000 + '":{"value":1}}}',
)
# Where an answer's identity, its rights or its status would be forged, and pointers that are odd.
_POINTERS: Final = (
    *(
        "/apiVersion",
        "/kind",
        "/metadata",
        "/metadata/name",
        "/metadata/namespace",
        "/metadata/uid",
    ),
    *("/metadata/annotations", "/metadata/labels", "/metadata/finalizers", "/status", "/spec"),
    *("/metadata/ownerReferences", "/metadata/deletionTimestamp", "/status/conditions"),
    *("/", "//", "/spec/", "/spec//", "/~0", "/~1", "/~2", "/spec/~", "/~01", "/spec/a~1b", "spec"),
    *("/spec/0", "/spec/-", "/spec/__proto__", "/spec/\u0000", "/spec/\u2028", "/spec/*", "/*"),
)
# What is put there: an identity, rights, a status.
_FORGED: Final[tuple[Any, ...]] = (
    *("hacked/v1", "Secret", "kube-system", {}, {"name": "other", "namespace": "kube-system"}, []),
    *({"image": "evil.example/miner:1"}, {"labels": {"a": 1}, "annotations": 5}, [{"kind": "Pod"}]),
)
_KEYS: Final = ("a", "value", "over", "name", "type", "", "~", "$ref", "metadata")
_NAMES: Final = ("note", "example.com/note", "kubectl.kubernetes.io/last-applied-configuration")
# How the rest of the annotations' room is filled, in bytes that are left.
_LEFT: Final = (0, 1, 10, 100, 300, 2000)


class HostileMetadata:
    """Makes annotations and labels.

    Args:
        annotation: the converter's.
        schemas: the structural schema of each version by its name.
    """

    def __init__(self, annotation: str, schemas: dict[str, Schema]) -> None:
        self._annotation = annotation
        self._versions = tuple(schemas)
        self._places = {name: _places(schema) for name, schema in schemas.items()}

    def annotations(
        self, choices: Choices, copied: str = "", plain: Sequence[dict[str, Any]] = ()
    ) -> dict[str, str]:
        """All annotations of an object.

        Args:
            copied: what the converter wrote into another object's annotation.
            plain: the object as it is converted to each version, whose values are exchanged.
        """
        made = {name: self._note(choices) for name in _NAMES if choices.chance(30)}
        if choices.chance(90):
            made[self._annotation] = self._text(choices, copied, plain)
        room = ANNOTATIONS_LIMIT - sum(len(k.encode()) + len(v.encode()) for k, v in made.items())
        if choices.chance(8):
            room -= len("filling") + choices.one_of(_LEFT)
            made["filling"] = "n" * max(0, room)
        elif choices.chance(2):
            made = {self._annotation: self._large(choices)}
        return made

    def labels(self, choices: Choices) -> dict[str, str]:
        """All labels of an object."""
        made = {"app": choices.one_of(("", "a", "b.c_d-e", "Z" * 63))} if choices.chance(40) else {}
        if choices.chance(20):
            made[self._annotation] = choices.one_of((INCOMPLETE, "", DISCARD))
        return made

    def _note(self, choices: Choices) -> str:
        return "".join(choices.character() for _ in range(choices.integer(0, 5)))

    def _text(self, choices: Choices, copied: str, plain: Sequence[dict[str, Any]]) -> str:
        """What stands in the converter's annotation."""
        kind = choices.integer(0, 9)
        if kind == 0:
            return choices.one_of(_JUNK)
        if kind < 3 and copied:
            return copied if kind == 1 else _garbled(copied, choices)
        document = self._document(choices)
        for each in plain:
            if choices.chance(40):
                version = each["apiVersion"].rpartition("/")[2]
                document.setdefault(version, {}).update(self._exchanged(choices, version, each))
        text = json.dumps(document, ensure_ascii=choices.chance(50))
        return _garbled(text, choices) if kind == 9 else text

    def _document(self, choices: Choices) -> dict[str, Any]:
        """In the converter's form, with values for places where they have no business."""
        document: dict[str, Any] = {}
        for _ in range(choices.integer(1, 2)):
            version = choices.one_of((*self._versions, "v3"))
            changes = [self._change(choices, version) for _ in range(choices.integer(1, 6))]
            document[version] = dict(changes)
        if choices.chance(10):
            document["replaced"] = choices.one_of(("", "a note", "{", 5, None, DISCARD))
        return document

    def _change(self, choices: Choices, version: str) -> tuple[str, dict[str, Any]]:
        places = self._places.get(version) or next(iter(self._places.values()))
        if choices.chance(20):
            pointer = choices.one_of(_POINTERS)
            value = choices.one_of(_FORGED) if choices.chance(60) else _value(choices)
        else:
            pointer, make = choices.one_of(places)
            value = make(choices) if choices.chance(60) else _value(choices)
            if choices.chance(10):
                pointer += choices.one_of(("/a", "/", "/metadata", "~"))
        change = {"value": value}
        if choices.chance(15):
            change["over"] = choices.one_of((None, 1, "", {}, "Hello, World!"))
        if choices.chance(5):
            change.pop("value")
        return pointer, change

    def _exchanged(self, choices: Choices, version: str, plain: dict[str, Any]) -> dict[str, Any]:
        """Changes that put a value of the schema over the one that the plain conversion has."""
        found: dict[str, Any] = {}
        for pointer, make in self._places[version]:
            value: Any = plain
            for part in pointer.split("/")[1:]:
                value = value.get(part, ABSENT) if isinstance(value, dict) else ABSENT
            if value is not ABSENT and choices.chance(30):
                found[pointer] = {"value": make(choices), "over": value}
        return found

    def _large(self, choices: Choices) -> str:
        """As much as an annotation holds: values, pointers or numbers that grow when rewritten."""
        version = choices.one_of(self._versions)
        room = ANNOTATIONS_LIMIT - len(self._annotation) - 100
        value: Any = [1e15] * (room // 22)
        changes: dict[str, Any] = {"/spec/a": {"value": value}}
        match choices.integer(0, 5):
            case 4:  # somebody's own text by one change, and just not
                number = CHANGES + choices.integer(-1, 1)
                changes = {f"/spec/a/{each}": {"value": each} for each in range(number)}
            case 5:
                each: Any = {"/a": {"value": 1}}
                return json.dumps({f"v{number}": each for number in range(room // 36)})
            case 0:
                changes = {f"/spec/{number}": {"value": number} for number in range(room // 36)}
            case 1:
                changes = {f"/a{number}": {"value": {}} for number in range(room // 30)}
            case 2:
                changes = {"/spec/a": {"value": '"' * (room // 3)}}
        return json.dumps({version: changes}).replace("1000000000000000.0", "1e15")


def _value(choices: Choices) -> Any:
    """A value of any type: limits of numbers, texts that end lines, shell, paths, long ones."""
    if choices.chance(50):
        return anything(choices, _KEYS, depth=2)
    return choices.one_of(
        (
            *(
                0,
                -1,
                101,
                5000,
                2**31,
                2**63,
                10**30,
                1.0,
                1e300,
                True,
                None,
                {},
                [],
                "",
                "x" * 2000,
            ),
            *(
                "en\r\nX-Evil: 1",
                "$(id)",
                "../../etc",
                "ExternalName",
                "1Ki",
                "\u0000",
                "a\n",
                "{}",
            ),
        )
    )


def _garbled(text: str, choices: Choices) -> str:
    """The text with a piece taken out, doubled, or one character exchanged."""
    at = choices.integer(0, max(0, len(text) - 1))
    return choices.one_of(
        (text[:at], text[:at] + text[at + 1 :], text[:at] + "\\" + text[at:], text + text[at:])
    )


def _places(schema: Schema) -> Sequence[tuple[str, Make]]:
    """Each field of a version as a pointer, and what makes values that it takes."""
    found: list[tuple[str, Make]] = []

    def walk(inner: Schema, pointer: str) -> None:
        for key, field in inner.get("properties", {}).items():
            if not pointer and key in ("apiVersion", "kind", "metadata"):
                continue
            path = f"{pointer}/{key}"
            found.append((path, maker(field, path)))
            walk(field, path)
            if isinstance(field.get("additionalProperties"), dict):
                found.append((f"{path}/cpu", maker(field["additionalProperties"], path)))

    walk(schema, "")
    return found
