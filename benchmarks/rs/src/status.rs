//! The same fields, condition types, reasons and messages as the Python operator's.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::children::{APP, service_port};
use crate::types::{Condition, HelloWorld, HelloWorldStatus};

pub fn status(owner: &HelloWorld, deployment: Option<&Deployment>) -> HelloWorldStatus {
    let before = owner.status.clone().unwrap_or_default();
    let empty = DeploymentStatus::default();
    let seen = deployment.and_then(|d| d.status.as_ref()).unwrap_or(&empty);
    let generation = owner.metadata.generation.unwrap_or_default();
    let name = owner.name_any();
    let found = [available(owner, seen), progressing(owner, deployment, seen), degraded(seen)];
    HelloWorldStatus {
        observed_generation: generation,
        replicas: seen.replicas.unwrap_or_default(),
        ready_replicas: seen.ready_replicas.unwrap_or_default(),
        selector: format!("app.kubernetes.io/instance={name},app.kubernetes.io/name={APP}"),
        url: format!(
            "http://{name}.{}.svc:{}",
            owner.namespace().unwrap_or_default(),
            service_port(owner)
        ),
        conditions: found.into_iter().map(|each| since(each, generation, &before)).collect(),
    }
}

fn since(mut new: Condition, generation: i64, before: &HelloWorldStatus) -> Condition {
    let old = before.conditions.iter().find(|each| each.r#type == new.r#type);
    new.observed_generation = generation;
    new.last_transition_time = match old {
        Some(old) if old.status == new.status => old.last_transition_time.clone(),
        _ => Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    new
}

fn condition(kind: &str, yes: bool, reason: &str, message: String) -> Condition {
    Condition {
        r#type: kind.into(),
        status: if yes { "True" } else { "False" }.into(),
        reason: reason.into(),
        message,
        ..Condition::default()
    }
}

fn pods(n: i32) -> String {
    if n == 1 { "1 pod".into() } else { format!("{n} pods") }
}

fn available(owner: &HelloWorld, seen: &DeploymentStatus) -> Condition {
    let (wanted, now) = (owner.spec.replicas, seen.available_replicas.unwrap_or_default());
    let text = format!("{now} of {} available", pods(wanted));
    if now > 0 {
        condition("Available", true, "MinimumReplicasAvailable", text)
    } else if wanted == 0 {
        let none = "no pods are wanted: spec.replicas is 0".into();
        condition("Available", false, "ScaledToZero", none)
    } else {
        condition("Available", false, "NoReplicasAvailable", text)
    }
}

fn progressing(
    owner: &HelloWorld,
    deployment: Option<&Deployment>,
    seen: &DeploymentStatus,
) -> Condition {
    let wanted = owner.spec.replicas;
    let generation = deployment.and_then(|d| d.metadata.generation);
    let [all, updated, available] =
        [seen.replicas, seen.updated_replicas, seen.available_replicas].map(|n| n.unwrap_or(0));
    if let Some(text) = stuck(seen) {
        return condition("Progressing", false, "RolloutStuck", text);
    }
    if generation.is_none() || seen.observed_generation < generation {
        let text = "waiting for the Deployment controller to see the change".into();
        return condition("Progressing", true, "RollingOut", text);
    }
    if [all, updated, available] == [wanted; 3] {
        let text = format!("{} up to date and available", pods(wanted));
        return condition("Progressing", false, "RolloutComplete", text);
    }
    let text = format!("{updated} of {} up to date, {available} available", pods(wanted));
    condition("Progressing", true, "RollingOut", text)
}

fn degraded(seen: &DeploymentStatus) -> Condition {
    if let Some(text) = message(seen, "ReplicaFailure", "True") {
        return condition("Degraded", true, "PodsRefused", text);
    }
    match stuck(seen) {
        Some(text) => condition("Degraded", true, "RolloutStuck", text),
        None => condition("Degraded", false, "AsExpected", String::new()),
    }
}

fn stuck(seen: &DeploymentStatus) -> Option<String> {
    message(seen, "Progressing", "False")
}

fn message(seen: &DeploymentStatus, kind: &str, status: &str) -> Option<String> {
    let conditions = seen.conditions.as_ref()?;
    let found = conditions.iter().find(|c| c.type_ == kind && c.status == status)?;
    Some(found.message.clone().unwrap_or_default())
}
