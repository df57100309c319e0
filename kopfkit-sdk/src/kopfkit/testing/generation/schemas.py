"""A generator for each node of a structural schema, made once and asked many times.

Objects are made from the inside out: each member is valid by itself, then the rules over the whole
are asked, and while one is broken an optional member is taken away. A rule over several fields
(`!has(self.a) || has(self.b)`) is nearly always mended so; where nothing is left to take away, the
object is given up.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from kopfkit.crd.cel import Program, compile_rule
from kopfkit.crd.structural import broken_rules, defaulted
from kopfkit.errors import KopfkitError
from kopfkit.testing.generation import scalars
from kopfkit.testing.generation.choices import Choices

Schema = dict[str, Any]
Make = Callable[[Choices], Any]

# Items of a list, members of a map, where the schema allows more.
_MANY: Final = 3
# New tries for a value that its own rules refuse.
_TRIES: Final = 20
_KEYS: Final = ("a", "example.com/gpu", "cpu", "a~b", "x.y", "Z-9")


def maker(schema: Schema, path: str = "") -> Make:
    """What makes values of a schema that the API server takes.

    Raises KopfkitError for a schema nothing can be generated for, naming the path.
    """
    rules = [compile_rule(rule["rule"]) for rule in schema.get("x-kubernetes-validations", ())]
    make = _without_rules(schema, rules, path)
    if schema.get("nullable"):
        inner = make

        def make(choices: Choices) -> Any:
            return None if choices.chance(10) else inner(choices)

    return _judged(make, schema, path) if rules else make


def _without_rules(schema: Schema, rules: list[Program], path: str) -> Make:
    if "enum" in schema:
        options = list(schema["enum"])
        return lambda choices: choices.one_of(options)
    if schema.get("x-kubernetes-int-or-string"):
        return lambda choices: scalars.int_or_string(schema, rules, choices)
    match schema.get("type"):
        case "object":
            return _object(schema, rules, path)
        case "array":
            return _list(schema, path)
        case "string":
            return lambda choices: scalars.text(schema, rules, choices)
        case "integer":
            return lambda choices: scalars.integer(schema, choices)
        case "number":
            return lambda choices: scalars.number(schema, choices)
        case "boolean":
            return lambda choices: choices.chance(50)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return lambda choices: anything(choices, _KEYS, depth=2)
    raise KopfkitError(path or "schema", f"has a type nothing is generated for: {schema}")


def _object(schema: Schema, rules: list[Program], path: str) -> Make:
    required = set(schema.get("required", ()))
    # An object without a spec says little; at the top nearly all is there.
    often = 55 if path else 90
    members = [
        (key, maker(inner, f"{path}.{key}"), key in required)
        for key, inner in schema.get("properties", {}).items()
    ]
    others = schema.get("additionalProperties")
    of_others = maker(others, f"{path}{{}}") if isinstance(others, dict) else None
    free = of_others is not None or schema.get("x-kubernetes-preserve-unknown-fields")
    low = schema.get("minProperties", 0)
    high = schema.get("maxProperties", max(low, _MANY))
    # The texts that a rule over a map compares its keys with are good keys.
    keys = tuple(dict.fromkeys([text for rule in rules for text in rule.literals if text != "/"]))
    keys = (*keys, *_KEYS)

    def make(choices: Choices) -> dict[str, Any]:
        made = {}
        for key, inner, needed in members:
            if needed or choices.chance(often):
                made[key] = inner(choices)
        if free:
            for _ in range(choices.integer(low, min(high, max(low, _MANY)))):
                key = choices.one_of(keys)
                made.setdefault(
                    key, of_others(choices) if of_others else anything(choices, keys, depth=1)
                )
        return made

    return make


def _list(schema: Schema, path: str) -> Make:
    inner = maker(schema["items"], f"{path}[]")
    low = schema.get("minItems", 0)
    high = schema.get("maxItems", max(low, _MANY))
    kind = schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys", ())

    def identity(item: Any) -> str:
        filled = defaulted(item, schema["items"])
        return json.dumps([filled.get(key) for key in keys] if kind == "map" else item)

    def make(choices: Choices) -> list[Any]:
        items = [inner(choices) for _ in range(choices.integer(low, min(high, max(low, _MANY))))]
        if kind in ("map", "set") or schema.get("uniqueItems"):
            items = list({identity(item): item for item in items}.values())
            if len(items) < low:
                choices.give_up()
        return items

    return make


def _judged(make: Make, schema: Schema, path: str) -> Make:
    """Tried until the rules hold; members that may be missing are taken away before that."""
    required = set(schema.get("required", ()))
    own = {"x-kubernetes-validations": schema["x-kubernetes-validations"]}

    def good(value: Any) -> bool:
        # Rules see the defaults; those of what is inside were asked when it was made.
        return next(broken_rules(defaulted(value, schema), own), None) is None

    def judged(choices: Choices) -> Any:
        for _ in range(_TRIES):
            value = make(choices)
            while not good(value):
                optional = [key for key in value if key not in required] if _map(value) else []
                if not optional:
                    break
                gone = choices.one_of(optional)
                value = {key: item for key, item in value.items() if key != gone}
            else:
                return value
        choices.give_up()
        raise AssertionError(f"{path}: giving up returned")

    return judged


def _map(value: Any) -> bool:
    return isinstance(value, dict)


def anything(choices: Choices, keys: tuple[str, ...], *, depth: int) -> Any:
    """Any JSON, its members named by `keys` and others."""
    kind = choices.integer(0, 7 if depth else 5)
    match kind:
        case 0:
            return None
        case 1:
            return choices.chance(50)
        case 2:
            return choices.integer(-(2**63), 2**63 - 1)
        case 3:
            return choices.number()
        case 4:
            return choices.one_of(keys)
        case 5:
            return "".join(choices.character() for _ in range(choices.integer(0, 4)))
        case 6:
            return [anything(choices, keys, depth=depth - 1) for _ in range(choices.integer(0, 2))]
    return {
        choices.one_of(keys): anything(choices, keys, depth=depth - 1)
        for _ in range(choices.integer(0, 3))
    }
