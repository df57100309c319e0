"""What an account may do, asked of the API server's own authorizer."""

from kopfkit.testing.client import Api

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def may(
    api: Api,
    account: str,
    verb: str,
    resource: str,
    *,
    group: str = "",
    name: str = "",
    namespace: str = "",
) -> bool:
    """Whether a service account may do something now.

    A role counts only when the API server's authorizer has heard of it through its watch, some time
    after it was stored; a test that goes on before sees a Forbidden that means nothing.

    Args:
        api: an administrator's client.
        account: "NAMESPACE/NAME" of the service account.
        verb: as in a role ("get").
        resource: plural ("deployments").
        group: of the resource; "" for the core API.
        name: of the object; "" for any.
        namespace: of the object; "" for all, or where it is in none.

    Raises:
        ApiError: the review was refused.
    """
    asked = {"verb": verb, "group": group, "resource": resource, "name": name}
    review = api.post(
        REVIEWS,
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{account.replace('/', ':')}",
                "resourceAttributes": {**asked, "namespace": namespace},
            },
        },
    )
    return bool(review["status"]["allowed"])
