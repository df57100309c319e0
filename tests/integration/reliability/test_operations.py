"""What people do, good and bad, at random and in quantity: no object stays stuck.

Bad things are refused by the API server, or accepted and then told in the status; each is taken
back later, and then everything must be well by itself.
"""

import time
from typing import Any

from kopfkit.testing.client import ApiError
from kopfkit.testing.waiting import eventually

NAMES = [f"x{number}" for number in range(12)]
# What the API server must refuse, each with the word its sentence names.
REFUSED: dict[str, dict[str, Any]] = {
    "negative": {"replicas": -1},
    "no number": {"replicas": "many"},
    "port": {"service": {"port": 70000}},
    "type": {"service": {"type": "Ingress"}},
    "image": {"image": "Not An Image"},
    "quantity": {"resources": {"requests": {"cpu": "much"}}},
    "writers": {"persistence": {}, "replicas": 3},
    "schedule": {"snapshots": {"schedule": "now and then"}},
}
GOOD: list[dict[str, Any]] = [
    {"replicas": 0},
    {"replicas": 4},
    {"greeting": {"message": "\N{GRINNING FACE} $(PORT) $$", "language": "zh-Hans"}},
    {"greeting": {"message": "plain"}},
    {"image": "example.com/x:1"},
    {"image": None},
    {"service": {"type": "NodePort", "port": 8000}},
    {"service": {"type": "ClusterIP", "port": 80}},
    {"service": None},
    {"resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}},
    {"resources": None, "autoscaling": None},
]


class People:
    """Do things to the HelloWorlds of one namespace."""

    def __init__(self, world: Any, random: Any) -> None:
        self._world, self._api, self._random = world, world.api, random
        self.done: dict[str, int] = {}

    def act(self) -> None:
        """One random act."""
        name = self._random.choice(NAMES)
        acts = [self.create, self.create, self.edit, self.edit, self.edit, self.delete]
        acts += [self.bad_spec, self.obstacle, self.quota, self.meddle, self.drop_child]
        act = self._random.choice(acts)
        try:
            act(name)
        except ApiError as error:
            # Not there, there already, or changed meanwhile: as it is with people.
            if error.status not in (403, 404, 409):
                raise
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1

    def create(self, name: str) -> None:
        self._world.create(name, **self._good())

    def _good(self) -> dict[str, Any]:
        spec = self._random.choice(GOOD)
        return {key: value for key, value in spec.items() if value is not None}

    def edit(self, name: str) -> None:
        self._api.patch(self._world.hello(name), {"spec": self._random.choice(GOOD)})

    def delete(self, name: str) -> None:
        self._api.delete(self._world.hello(name))

    def bad_spec(self, name: str) -> None:
        which = self._random.choice(list(REFUSED))
        try:
            self._api.patch(self._world.hello(name), {"spec": REFUSED[which]})
        except ApiError as error:
            if error.status not in (404, 422):
                raise
        else:
            raise AssertionError(f"{which}: {REFUSED[which]} was accepted")

    def obstacle(self, name: str) -> None:
        """Somebody else's Service of the child's name, before the object is there."""
        body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "labels": {"obstacle": "yes"}},
            "spec": {"ports": [{"port": 9}]},
        }
        self._api.post(self._world.collection("Service"), body)

    def quota(self, name: str) -> None:
        """No room for another Service."""
        body = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "full"},
            "spec": {"hard": {"services": "3"}},
        }
        self._api.post(f"/api/v1/namespaces/{self._world.namespace}/resourcequotas", body)

    def meddle(self, name: str) -> None:
        path = f"{self._world.collection('Deployment')}/{name}"
        patch = self._random.choice(
            [
                {"spec": {"replicas": 9}},
                {"metadata": {"labels": None}},
                {"spec": {"template": {"spec": {"enableServiceLinks": True}}}},
                {"metadata": {"annotations": {"somebody.example.com/note": "mine"}}},
            ]
        )
        self._api.patch(path, patch)

    def drop_child(self, name: str) -> None:
        self._api.delete(
            f"{self._world.collection(self._random.choice(('Deployment', 'Service')))}/{name}"
        )

    def roll_back(self) -> None:
        """Take every obstacle away."""
        quota = f"/api/v1/namespaces/{self._world.namespace}/resourcequotas/full"
        if self._api.exists(quota):
            self._api.delete(quota)
        for item in self._world.items("Service"):
            if "obstacle" in item["metadata"].get("labels", {}):
                self._api.delete(f"{self._world.collection('Service')}/{item['metadata']['name']}")

    def all_well(self) -> bool:
        hellos = {item["metadata"]["name"]: item for item in self._world.items("HelloWorld")}
        deployments = {item["metadata"]["name"]: item for item in self._world.items("Deployment")}
        services = {item["metadata"]["name"]: item for item in self._world.items("Service")}
        assert set(hellos) == set(deployments) == set(services)
        for name, item in hellos.items():
            spec = item["spec"]
            assert deployments[name]["spec"]["replicas"] == spec["replicas"], name
            (port,) = services[name]["spec"]["ports"]
            assert port["port"] == spec.get("service", {}).get("port", 80), name
            told = {each["type"]: each for each in item.get("status", {}).get("conditions", [])}
            assert told["Degraded"]["status"] == "False", (name, told["Degraded"])
        assert self._world.told()
        assert self._world.orphans() == []
        return True


def test_whatever_people_do_no_object_stays_stuck(
    start: Any, world: Any, kit: Any, times: Any, seeds: Any
) -> None:
    here, per_round = world(), 100
    operator = start("--no-leader-elect", f"--namespace={here.namespace}")
    operator.says("Caches synced")
    started, total = time.monotonic(), 0
    for seed in seeds(times(2)):
        with kit.seeded(seed) as random:
            people = People(here, random)
            for _ in range(per_round):
                people.act()
                total += 1
                if random.random() < 0.1:
                    time.sleep(0.2)
            people.roll_back()
            try:
                eventually(people.all_well)
            except AssertionError as error:
                error.add_note("\n".join(operator.logs().splitlines()[-40:]))
                raise
    print(f"{total} operations in {time.monotonic() - started:.0f} s")
    assert operator.process.poll() is None
