"""The children of HelloWorlds, by `kopfkit.controller.children`."""

from collections.abc import Mapping

from helloworld_operator.controller.names import MANAGER
from helloworld_operator.controller.observe import HELLOWORLDS, is_orphan_of
from helloworld_operator.controller.status import MADE, conditions_of
from helloworld_operator.controller.wish import HASH
from kopfkit.controller.children import Children, asked_before
from kopfkit.controller.owners import mapping
from kopfkit.controller.statuswriter import Recorder
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.store import Store


def new_children(
    client: Client, stores: Mapping[Resource, Store], *, recorder: Recorder
) -> Children:
    """Makes and repairs the children of HelloWorlds."""
    return Children(
        client,
        stores,
        HELLOWORLDS,
        manager=MANAGER,
        recorder=recorder,
        hash_key=HASH,
        is_orphan=is_orphan_of,
        was_complete=_was_complete,
    )


def _was_complete(owner: Object) -> bool:
    """Whether all children of this generation were there when its status was written last."""
    progressing = conditions_of(mapping(owner.get("status"))).get("Progressing", {})
    return asked_before(owner) and progressing.get("reason") in MADE
