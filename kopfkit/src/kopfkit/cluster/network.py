"""Bridges and firewall rules that a Docker engine leaves when it ends.

Only for the engine that we started ourselves: it was started because no other one answered.
"""

import contextlib
import json

from kopfkit.cluster import debian, process
from kopfkit.errors import KopfkitError


def remove_docker_leftovers() -> None:
    """Delete Docker's bridges that have no member, and its chains in the firewall."""
    ip = debian.find("ip")
    if ip:
        with contextlib.suppress(KopfkitError):
            for link in json.loads(process.run([ip, "-json", "link", "show", "type", "bridge"])):
                name = link.get("ifname", "")
                if name == "docker0" or (name.startswith("br-") and len(name) == 15):
                    process.run([ip, "link", "delete", name])
    for family in ("iptables", "ip6tables"):
        _remove_rules(family)


def _remove_rules(family: str) -> None:
    save, restore = debian.find(f"{family}-save"), debian.find(f"{family}-restore")
    if not save or not restore:
        return
    with contextlib.suppress(KopfkitError):
        before = process.run([save])
        after = [line for line in before.splitlines() if not _is_dockers(line)]
        if len(after) < len(before.splitlines()):
            process.run([restore], input="\n".join(after) + "\n")


def _is_dockers(line: str) -> bool:
    """Whether a line of iptables-save is a chain or rule that Docker made."""
    if line.startswith(":"):
        return line.split()[0].startswith(":DOCKER")
    if not line.startswith("-A "):
        return False
    words = line.split()
    bridges = any(w == "docker0" or (w.startswith("br-") and len(w) == 15) for w in words)
    own = words[1].startswith("DOCKER") or any(w.startswith("DOCKER") for w in words)
    masquerade = "MASQUERADE" in words and any(w.startswith("172.") for w in words)
    return own or bridges or masquerade
