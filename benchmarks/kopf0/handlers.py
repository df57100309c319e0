"""The HelloWorld operator as kopf's tutorial writes operators: change handlers, the official
synchronous client, every setting at its default.

It makes the same children and the same status fields, but as in the tutorial nothing follows the
Deployment afterwards, a change of a child is not noticed, and nothing is compared. That is less
work than the other operators do.
"""

import logging
import os
from typing import Any

import kopf
import kubernetes

import greeting

IMAGE = os.environ["RELATED_IMAGE_HELLOWORLD"]


@kopf.on.create(greeting.GROUP, greeting.VERSION, greeting.PLURAL)
def create(
    spec: Any, meta: Any, status: Any, name: str, namespace: str, patch: kopf.Patch, **_: Any
) -> None:
    """Make the children."""
    deployment, service = greeting.deployment(name, spec, IMAGE), greeting.service(name, spec)
    kopf.adopt([deployment, service])
    made = kubernetes.client.AppsV1Api().create_namespaced_deployment(namespace, deployment)
    kubernetes.client.CoreV1Api().create_namespaced_service(namespace, service)
    patch.status.update(greeting.status(meta, spec, {}, status))
    logging.info("Deployment and Service of %s are made: %s", name, made.metadata.uid)


@kopf.on.update(greeting.GROUP, greeting.VERSION, greeting.PLURAL)
def update(
    spec: Any, meta: Any, status: Any, name: str, namespace: str, patch: kopf.Patch, **_: Any
) -> None:
    """Change the children."""
    deployment, service = greeting.deployment(name, spec, IMAGE), greeting.service(name, spec)
    kubernetes.client.AppsV1Api().patch_namespaced_deployment(name, namespace, deployment)
    kubernetes.client.CoreV1Api().patch_namespaced_service(name, namespace, service)
    patch.status.update(greeting.status(meta, spec, {}, status))


@kopf.on.delete(greeting.GROUP, greeting.VERSION, greeting.PLURAL)
def delete(name: str, **_: Any) -> None:
    """The children go by their owner references."""
    logging.info("%s is deleted", name)
