"""The answers that a project was made with, and the commands that record them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from kopfkit.errors import KopfkitError

STYLES = ("reconcile", "handlers")
LICENSES = ("apache2", "none")
_SWITCHES = ("cluster-scoped", "defaulting", "validation")
_BROKEN = "Restore [tool.kopfkit] commands from the repository; kopfkit writes it."


@dataclass(frozen=True)
class Webhook:
    """The admission of a kind.

    Attributes:
        version: that its functions are written for.
    """

    version: str
    defaulting: bool
    validation: bool


@dataclass(frozen=True)
class Api:
    """A kind of a project.

    Attributes:
        group: with the project's domain.
        versions: in the order in which they were created; the last one is the hub.
        webhook: its admission, None for none.
    """

    group: str
    kind: str
    plural: str
    versions: tuple[str, ...]
    namespaced: bool = True
    webhook: Webhook | None = None

    @property
    def hub(self) -> str:
        """The version that is stored and reconciled."""
        return self.versions[-1]

    @property
    def module(self) -> str:
        """The first part of the names of its modules."""
        return self.kind.lower()


@dataclass(frozen=True)
class Answers:
    """A project.

    Attributes:
        name: of the operator, a DNS label.
        date: of the first release, as 2026-11-29.
        owner: who publishes it.
        apis: its kinds, in the order in which they were created.
    """

    domain: str
    name: str
    date: str
    owner: str
    style: str = "reconcile"
    license: str = "apache2"
    apis: tuple[Api, ...] = field(default=())

    @property
    def package(self) -> str:
        """The name of its Python package."""
        return self.name.replace("-", "_")

    def group(self, api: Api) -> str:
        """The group of a kind without the project's domain."""
        return api.group.removesuffix(self.domain).removesuffix(".")

    def api(self, kind: str) -> Api | None:
        """The kind of that name, whatever its case: modules are named in lower case."""
        return next((each for each in self.apis if each.module == kind.lower()), None)

    def with_api(self, new: Api) -> "Answers":
        """The project with one more kind, or one more version of a kind."""
        old = self.api(new.kind)
        if old is None:
            return replace(self, apis=(*self.apis, new))
        more = replace(old, versions=(*old.versions, *new.versions))
        return replace(self, apis=tuple(more if each == old else each for each in self.apis))

    def with_webhook(self, kind: str, webhook: Webhook) -> "Answers":
        """The project with the admission of one of its kinds."""
        apis = (replace(each, webhook=webhook) if each.kind == kind else each for each in self.apis)
        return replace(self, apis=tuple(apis))

    def changed(self, **changes: str) -> "Answers":
        """The project with other texts."""
        return Answers(
            **{**{each.name: getattr(self, each.name) for each in fields(self)}, **changes}
        )

    def commands(self) -> list[str]:
        """The commands that make the project."""
        first = {
            "domain": self.domain,
            "project-name": self.name,
            "style": self.style,
            "owner": self.owner,
            "license": self.license,
            "date": self.date,
        }
        made = [_command("init", first)]
        for api in self.apis:
            group = self.group(api)
            scope = () if api.namespaced else ("--cluster-scoped",)
            for version in api.versions:
                flags = {"group": group, "version": version, "kind": api.kind}
                made.append(_command("create api", {**flags, "plural": api.plural}, *scope))
            if (webhook := api.webhook) is not None:
                flags = {"group": group, "version": webhook.version, "kind": api.kind}
                functions = [
                    flag
                    for flag, wanted in (
                        ("--defaulting", webhook.defaulting),
                        ("--validation", webhook.validation),
                    )
                    if wanted
                ]
                made.append(_command("create webhook", flags, *functions))
        return made


def replay(commands: Sequence[str]) -> Answers:
    """The project that recorded commands make.

    Raises:
        KopfkitError: they are not what `Answers.commands` writes.
    """
    what = "[tool.kopfkit] commands"
    if not commands or not commands[0].startswith("init "):
        raise KopfkitError(what, "do not begin with init", _BROKEN)
    try:
        found = _init(_flags(commands[0], "init"))
        for command in commands[1:]:
            if command.startswith("create webhook "):
                found = _with_webhook(found, _flags(command, "create webhook"))
                continue
            given = _flags(command, "create api")
            group = f"{given['group']}.{found.domain}" if given["group"] else found.domain
            namespaced = "cluster-scoped" not in given
            found = found.with_api(
                Api(group, given["kind"], given["plural"], (given["version"],), namespaced)
            )
    except (ValueError, KeyError, TypeError) as error:
        raise KopfkitError(what, f"cannot be read ({error})", _BROKEN) from None
    return found


def _init(given: dict[str, str]) -> Answers:
    return Answers(
        given["domain"],
        given["project-name"],
        given["date"],
        given["owner"],
        given["style"],
        given["license"],
    )


def _with_webhook(answers: Answers, given: dict[str, str]) -> Answers:
    api = answers.api(given["kind"])
    if api is None or given["version"] not in api.versions:
        raise ValueError(f"a webhook of {given['kind']} {given['version']}, which does not exist")
    webhook = Webhook(given["version"], "defaulting" in given, "validation" in given)
    return answers.with_webhook(api.kind, webhook)


def _command(name: str, flags: dict[str, str], *switches: str) -> str:
    words = [word for flag, value in flags.items() for word in (f"--{flag}", value)]
    return f"{name} {shlex.join([*words, *switches])}"


def _flags(command: str, name: str) -> dict[str, str]:
    """The flags of a recorded command by name; a switch has the value ""."""
    if not command.startswith(f"{name} "):
        raise ValueError(f"{command!r} is not {name}")
    found: dict[str, str] = {}
    words = iter(shlex.split(command.removeprefix(f"{name} ")))
    for word in words:
        if not word.startswith("--"):
            raise ValueError(f"{word!r} is not a flag")
        flag = word.removeprefix("--")
        found[flag] = "" if flag in _SWITCHES else next(words, "")
    return found
