//! The same Deployment and Service that the Python operator makes, as they are applied.

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::types::HelloWorld;

pub const MANAGER: &str = "helloworld-operator";
pub const APP: &str = "helloworld";

pub fn service_port(owner: &HelloWorld) -> i32 {
    owner.spec.service.as_ref().and_then(|s| s.port).filter(|port| *port != 0).unwrap_or(80)
}

fn selector(name: &str) -> Value {
    json!({"app.kubernetes.io/name": APP, "app.kubernetes.io/instance": name})
}

fn labels(name: &str) -> Value {
    json!({
        "app.kubernetes.io/name": APP,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": "greeting",
        "app.kubernetes.io/managed-by": MANAGER,
    })
}

fn metadata(owner: &HelloWorld) -> Value {
    let name = owner.name_any();
    json!({
        "name": name,
        "namespace": owner.metadata.namespace,
        "labels": labels(&name),
        "ownerReferences": [{
            "apiVersion": "test.jiaozi.com/v1",
            "kind": "HelloWorld",
            "name": name,
            "uid": owner.metadata.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }],
    })
}

pub fn deployment(owner: &HelloWorld, default_image: &str) -> Value {
    let name = owner.name_any();
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner),
        "spec": {
            "replicas": owner.spec.replicas,
            "progressDeadlineSeconds": 180,
            "selector": {"matchLabels": selector(&name)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": {
                "metadata": {"labels": labels(&name)},
                "spec": pod(owner, default_image),
            },
        },
    })
}

fn pod(owner: &HelloWorld, default_image: &str) -> Value {
    let spec = &owner.spec;
    let mut container = json!({
        "name": "greeting",
        "image": if spec.image.is_empty() { default_image } else { &spec.image },
        "env": [
            {"name": "GREETING_MESSAGE", "value": spec.greeting.message.replace('$', "$$")},
            {"name": "GREETING_LANGUAGE", "value": spec.greeting.language},
            {"name": "PORT", "value": "8080"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {"periodSeconds": 5, "failureThreshold": 3},
        "lifecycle": {"preStop": {"sleep": {"seconds": 4}}},
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if spec.image.is_empty() {
        container["args"] = json!(["serve"]);
        container["readinessProbe"]["httpGet"] = json!({"path": "/healthz", "port": "http"});
    } else {
        container["readinessProbe"]["tcpSocket"] = json!({"port": "http"});
    }
    json!({
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 14,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    })
}

pub fn service(owner: &HelloWorld) -> Value {
    let kind = owner.spec.service.as_ref().and_then(|s| s.r#type.as_deref());
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(owner),
        "spec": {
            "type": kind.unwrap_or("ClusterIP"),
            "selector": selector(&owner.name_any()),
            "ports": [{
                "name": "http",
                "port": service_port(owner),
                "targetPort": "http",
                "protocol": "TCP",
            }],
        },
    })
}

/// Whether all that is wanted is there: what others and the API server set beside it does not count.
pub fn agrees(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(want), Value::Object(have)) => want.iter().all(|(key, value)| {
            have.get(key).map_or(value.as_str() == Some(""), |found| agrees(value, found))
        }),
        (Value::Array(want), Value::Array(have)) => {
            want.len() == have.len() && want.iter().zip(have).all(|(w, h)| agrees(w, h))
        }
        _ => wanted == live,
    }
}
