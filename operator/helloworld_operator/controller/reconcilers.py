"""The two reconcilers put together: of HelloWorlds and of HelloWorldSnapshots, which wait for one
another."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from helloworld_operator.controller import snapshots
from helloworld_operator.controller.children import new_children
from helloworld_operator.controller.names import MANAGER
from helloworld_operator.controller.observe import HELLOWORLDS, SNAPSHOTS
from helloworld_operator.controller.reconcile import Reconciler
from helloworld_operator.controller.stateful import Stateful
from helloworld_operator.controller.telling import Teller
from kopfkit.controller import assembly, dig
from kopfkit.controller.quotas import Quotas
from kopfkit.controller.sources import Target
from kopfkit.controller.statuswriter import Recorder, UpgradeBlocker
from kopfkit.runtime.client import Object, Resource
from kopfkit.runtime.store import Key, Store, key_of
from kopfkit.runtime.views import ViewingClient


class Reconcilers:
    """Both.

    Args:
        client: reads and writes.
        stores: what was last seen of each watched resource.
        image: the operand's default image, and that of snapshots' Jobs; or None.
        recorder: of Events.
        upgradeable: takes objections while an image is rolled out.
        concern: has an object of a resource reconciled, and those that wait for it.
        now: the time (UTC).

    Attributes:
        helloworlds: reconciles one HelloWorld.
        snapshots: reconciles one HelloWorldSnapshot.
        quotas: knows who waits for room in a quota; to be run beside.
    """

    def __init__(
        self,
        client: ViewingClient,
        stores: Mapping[Resource, Store],
        *,
        image: str | None,
        recorder: Recorder,
        upgradeable: UpgradeBlocker,
        concern: Callable[[Resource, Key], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        def concern_snapshot(key: Key) -> None:
            concern(SNAPSHOTS, key)

        def wrote(by: Target, resource: Resource, obj: Object) -> None:
            # What we write ourselves comes back as no news.
            if resource == SNAPSHOTS:
                namespace, name = key_of(obj)
                concern(SNAPSHOTS, (namespace, name))
                source = (namespace, str(dig(obj, "spec", "helloWorldName")))
                if stores[HELLOWORLDS].get(source) is not None:
                    concern(HELLOWORLDS, source)

        self.quotas = Quotas(client, concern)
        self._plan = Stateful(
            client, stores, image=image, now=now, wake=concern_snapshot, quotas=self.quotas
        )
        self.helloworlds = Reconciler(
            client,
            stores,
            plan=self._plan,
            children=new_children(client, stores, recorder=recorder),
            teller=Teller(client, stores, recorder=recorder, upgradeable=upgradeable),
            quotas=self.quotas,
        )
        self._snapshots = snapshots.controller(image)
        self.snapshots = assembly.runner(
            MANAGER,
            self._snapshots,
            client,
            stores,
            recorder,
            upgradeable,
            quotas=self.quotas,
            wrote=wrote,
            now=lambda: now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def waiting(self, resource: Resource, key: Key) -> Iterable[tuple[Resource, Key]]:
        """Who waits for an object."""
        if resource is SNAPSHOTS:
            return [(HELLOWORLDS, waiter) for waiter in self._plan.waiting(key)]
        watch = self._snapshots.watched[0]
        return [(SNAPSHOTS, waiter) for waiter in watch.index.of(key)]
