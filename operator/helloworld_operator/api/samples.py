"""Sample objects, for config/samples and the console of OpenShift."""

from helloworld_operator.api import GROUP, KIND, SNAPSHOT

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
    {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": KIND,
        "metadata": {"name": "helloworld-v1alpha1-sample"},
        "spec": {"size": 1, "message": "Hello from v1alpha1"},
    },
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
