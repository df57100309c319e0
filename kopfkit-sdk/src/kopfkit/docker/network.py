"""The traces that a Docker engine leaves on the machine when it ends, and how they go away.

Only for the engine that we start ourselves: what the machine was like is written down before its
first start, and of the differences those are undone that Docker or a node makes, nothing else.
"""

import contextlib
import itertools
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kopfkit.docker import debian
from kopfkit.errors import KopfkitError
from kopfkit.host import files, process

# What Docker, the kubelet and kube-proxy set for the whole machine, and to what. A value that is
# neither this nor what it was before was set by somebody else and stays.
SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "vm/overcommit_memory": "1",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
_FAMILIES = ("iptables", "ip6tables")
_BRIDGE = re.compile(r"docker0|br-[0-9a-f]{12}")
_SYSCTL = Path("/proc/sys")


@dataclass
class Machine:
    """What an engine changes: the bridges' names, each firewall as text, the kernel's settings."""

    bridges: list[str] = field(default_factory=list)
    firewalls: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


def observe() -> Machine:
    """The machine as it is now, as far as its tools tell."""
    seen = Machine(bridges=_bridges())
    for family in _FAMILIES:
        if save := debian.find(f"{family}-save"):
            with contextlib.suppress(KopfkitError):
                seen.firewalls[family] = process.run([save])
    for name in SETTINGS:
        with contextlib.suppress(OSError):
            seen.settings[name] = (_SYSCTL / name).read_text().strip()
    return seen


def remember(record: Path) -> None:
    """Write down what the machine is like, unless an engine that crashed has left a record: then
    that one tells what it was like before."""
    if not record.exists():
        files.write(record, json.dumps(asdict(observe()), indent=2) + "\n")


def restore(record: Path) -> None:
    """Undo what the engine changed since `record`. Without one, what is Docker's by its name."""
    try:
        before = Machine(**json.loads(record.read_text()))
    except (OSError, ValueError, TypeError):
        before = Machine()
    now = observe()
    if ip := debian.find("ip"):
        for bridge in sorted(set(now.bridges) - set(before.bridges)):
            with contextlib.suppress(KopfkitError):
                process.run([ip, "link", "delete", bridge])
    for family, rules in now.firewalls.items():
        undoing = undo(before.firewalls.get(family, ""), rules)
        restorer = debian.find(f"{family}-restore")
        if undoing and restorer:
            with contextlib.suppress(KopfkitError):
                # Not flushed: what others have changed meanwhile stays as it is.
                process.run([restorer, "--noflush"], input=undoing)
    for name, value in now.settings.items():
        earlier = before.settings.get(name, value)
        if value != earlier and value == SETTINGS[name]:
            with contextlib.suppress(OSError):
                (_SYSCTL / name).write_text(earlier)


def undo(before: str, now: str) -> str:
    """Input for `iptables-restore --noflush` that takes Docker's part of the difference away.

    Args:
        before: what iptables-save printed before the engine's first start.
        now: what it prints now.
    """
    known = _tables(before)
    parts: list[str] = []
    for table, lines in _tables(now).items():
        earlier = known.get(table, [])
        new = [line for line in lines if line not in earlier]
        rules = [line for line in new if line.startswith("-A ") and is_dockers(line)]
        chains = [line.split()[0] for line in new if line.startswith(":DOCKER")]
        policy = _policies(earlier).get("FORWARD", "ACCEPT")
        # Docker closes forwarding for everybody when it has to switch it on.
        closed = _policies(lines).get("FORWARD") == "DROP" and table == "filter"
        commands = [f":FORWARD {policy} [0:0]"] if closed and policy != "DROP" and rules else []
        commands += [f"-D{line[2:]}" for line in rules]
        commands += [f"-F {chain[1:]}" for chain in chains]
        commands += [f"-X {chain[1:]}" for chain in chains]
        if commands:
            parts += [f"*{table}", *commands, "COMMIT"]
    return "".join(f"{line}\n" for line in parts)


def is_dockers(rule: str) -> bool:
    """Whether a rule, as iptables-save prints it, is one that Docker makes outside or inside its
    own chains: it names one of them or one of its bridges, or lets a container reach itself."""
    words = rule.split()
    if any(word.startswith("DOCKER") or _BRIDGE.fullmatch(word) for word in words):
        return True
    value = dict(itertools.pairwise(words))
    hairpin = value.get("-s") is not None and value.get("-s") == value.get("-d")
    return value.get("-j") == "MASQUERADE" and hairpin


def _tables(saved: str) -> dict[str, list[str]]:
    """Chains and rules by table; the counters of chains are left out, as they always differ."""
    tables: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            lines = tables.setdefault(line[1:], [])
        elif line.startswith(":"):
            lines.append(" ".join(line.split()[:2]))
        elif line.startswith("-A "):
            lines.append(line)
    return tables


def _policies(lines: list[str]) -> dict[str, str]:
    return {line.split()[0][1:]: line.split()[1] for line in lines if line.startswith(":")}


def _bridges() -> list[str]:
    ip = debian.find("ip")
    if not ip:
        return []
    with contextlib.suppress(KopfkitError, ValueError):
        links = json.loads(process.run([ip, "-json", "link", "show", "type", "bridge"]) or "[]")
        return [name for link in links if _BRIDGE.fullmatch(name := link.get("ifname", ""))]
    return []
