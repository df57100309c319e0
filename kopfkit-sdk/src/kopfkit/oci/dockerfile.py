"""Reads the Dockerfiles of operators: what the image starts from, gets copied and is told.

A Dockerfile stays the one place that says what an image is, also where no engine builds it. Only
the instructions are known that need no engine: FROM (one), ARG, LABEL, ENV, COPY, USER, WORKDIR,
EXPOSE, ENTRYPOINT and CMD as lists, and RUN as a list, whose result somebody else must supply.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from kopfkit.errors import KopfkitError

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass
class Recipe:
    """What a Dockerfile says.

    Attributes:
        base: the image it starts from; "scratch" for none.
        copies: (source below the context, absolute destination), in order.
        runs: the commands of RUN lines.
        labels, environment: by name.
        user, directory: of the process; "" as in the base.
        ports: exposed ones, as 8080/tcp.
        entrypoint, command: None as in the base.
    """

    base: str = ""
    copies: list[tuple[str, str]] = field(default_factory=list)
    runs: list[tuple[str, ...]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    user: str = ""
    directory: str = ""
    ports: list[str] = field(default_factory=list)
    entrypoint: list[str] | None = None
    command: list[str] | None = None


def read(name: str, text: str, arguments: Mapping[str, str]) -> Recipe:
    """The recipe in a Dockerfile.

    Args:
        name: of the file, for messages.
        text: its contents.
        arguments: values for ARG lines, as --build-arg gives them.

    Raises:
        KopfkitError: an instruction that only an engine can follow, or one that is malformed.
    """
    recipe = Recipe()
    values: dict[str, str] = {}
    for number, line in _instructions(text):
        word, _, rest = line.partition(" ")
        place = f"{name}, line {number}"
        rest = rest.strip()
        if word.upper() not in ("RUN", "ENTRYPOINT", "CMD"):
            rest = _VARIABLE.sub(lambda found: values.get(found[1] or found[2], ""), rest)
        try:
            _apply(recipe, word.upper(), rest, values, arguments, place)
        except ValueError as error:
            raise KopfkitError(place, f"cannot be read ({error})") from None
    if not recipe.base:
        raise KopfkitError(name, "has no FROM line")
    return recipe


def _instructions(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    begun = 0
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and not parts):
            continue
        begun = begun if parts else number
        parts.append(stripped.removesuffix("\\").strip())
        if not stripped.endswith("\\"):
            found.append((begun, " ".join(parts)))
            parts = []
    return found


def _apply(
    recipe: Recipe,
    word: str,
    rest: str,
    values: dict[str, str],
    arguments: Mapping[str, str],
    place: str,
) -> None:
    if word == "FROM":
        if recipe.base:
            raise KopfkitError(place, "is a second FROM", "Build it with an engine.")
        recipe.base = rest
        if len(rest.split()) != 1:
            raise ValueError("FROM takes one image")
    elif word == "ARG":
        key, _, default = rest.partition("=")
        values[key] = arguments.get(key, default)
    elif word in ("LABEL", "ENV"):
        pairs = dict(_pair(one) for one in shlex.split(rest))
        (recipe.labels if word == "LABEL" else recipe.environment).update(pairs)
    elif word == "COPY":
        words = rest.split()
        if len(words) != 2 or words[0].startswith("--") or not words[1].startswith("/"):
            raise ValueError("COPY takes a path of the context and an absolute one, no options")
        source, destination = words
        recipe.copies.append((source, destination))
    elif word == "USER":
        recipe.user = rest
    elif word == "WORKDIR":
        recipe.directory = rest
    elif word == "EXPOSE":
        recipe.ports += [port if "/" in port else f"{port}/tcp" for port in rest.split()]
    elif word in ("ENTRYPOINT", "CMD", "RUN"):
        listed = json.loads(rest)
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise ValueError(f"{word} takes a list of strings")
        if word == "RUN":
            recipe.runs.append(tuple(listed))
        elif word == "CMD":
            recipe.command = listed
        else:
            recipe.entrypoint = listed
    else:
        raise KopfkitError(place, f"{word} is not known here", "Build it with an engine.")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=value")
    return key, value
