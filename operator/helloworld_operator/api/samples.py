"""Sample objects, for config/samples and the console of OpenShift."""

from helloworld_operator.api import GROUP, KIND, SNAPSHOT, SPOKES

SAMPLES = (
    {
        "apiVersion": f"{GROUP}/v1",
        "kind": KIND,
        "metadata": {"name": "helloworld-sample"},
        "spec": {
            "replicas": 2,
            "greeting": {"message": "Hello, World!", "language": "en"},
        },
    },
    *(
        {
            "apiVersion": f"{GROUP}/{each.VERSION.name}",
            "kind": KIND,
            "metadata": {"name": f"helloworld-{each.VERSION.name}-sample"},
            "spec": each.SAMPLE,
        }
        for each in SPOKES
    ),
    # With a guest book that is copied every night; needs a StorageClass.
    {
        "apiVersion": f"{GROUP}/v1",
        "kind": KIND,
        "metadata": {"name": "helloworld-guestbook-sample"},
        "spec": {
            "replicas": 1,
            "greeting": {"message": "Please sign the guest book."},
            "persistence": {"size": "64Mi"},
            "snapshots": {"schedule": "30 2 * * *", "keep": 7},
        },
    },
    {
        "apiVersion": f"{GROUP}/v1",
        "kind": SNAPSHOT.kind,
        "metadata": {"name": "helloworldsnapshot-sample"},
        "spec": {"helloWorldName": "helloworld-guestbook-sample"},
    },
)
