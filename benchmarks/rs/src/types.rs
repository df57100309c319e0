//! The part of the HelloWorld API (v1) that the benchmark's objects use. Autoscaling, persistence
//! and snapshots are left out: no object of the benchmark asks for them.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize)]
#[kube(group = "test.jiaozi.com", version = "v1", kind = "HelloWorld")]
#[kube(namespaced, status = "HelloWorldStatus", schema = "disabled")]
#[serde(rename_all = "camelCase")]
pub struct HelloWorldSpec {
    #[serde(default)]
    pub replicas: i32,
    #[serde(default)]
    pub greeting: Greeting,
    #[serde(default)]
    pub image: String,
    pub service: Option<ServiceSpec>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Greeting {
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub language: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ServiceSpec {
    pub r#type: Option<String>,
    pub port: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct HelloWorldStatus {
    pub observed_generation: i64,
    pub replicas: i32,
    pub ready_replicas: i32,
    pub selector: String,
    pub url: String,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    pub r#type: String,
    pub status: String,
    pub reason: String,
    pub message: String,
    pub observed_generation: i64,
    pub last_transition_time: String,
}
