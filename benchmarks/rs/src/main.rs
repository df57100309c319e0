//! The HelloWorld operator on kube-rs, for comparison: the same children and status as the Python
//! operator for the objects of the benchmark. The caches hold only what is ours and no
//! managedFields, children are compared before they are applied, and a status of ours wakes nobody:
//! what a careful author would write. kube-rs has no leader election, so there is none.

mod children;
mod status;
mod types;

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, predicates, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use children::{APP, MANAGER};
use types::HelloWorld;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("API: {0}")]
    Api(#[from] kube::Error),
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cache: {0}")]
    Cache(#[from] reflector::store::WriterDropped),
}

struct Context {
    client: Client,
    image: String,
    deployments: Store<Deployment>,
    services: Store<Service>,
}

async fn reconcile(owner: Arc<HelloWorld>, context: Arc<Context>) -> Result<Action, Error> {
    if owner.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change()); // its children go with it by their owner references
    }
    // At a start nothing is known of the children until their first list is there.
    context.deployments.wait_until_ready().await?;
    context.services.wait_until_ready().await?;
    let (name, space) = (owner.name_any(), owner.namespace().unwrap_or_default());
    let wanted = children::deployment(&owner, &context.image);
    let deployment = ensure(&context.client, &owner, wanted, &context.deployments).await?;
    let wanted = children::service(&owner);
    ensure(&context.client, &owner, wanted, &context.services).await?;
    let told = status::status(&owner, Some(&deployment));
    if owner.status.as_ref() != Some(&told) {
        let api: Api<HelloWorld> = Api::namespaced(context.client.clone(), &space);
        let patch = Patch::Merge(json!({"status": told}));
        match api.patch_status(&name, &PatchParams::default(), &patch).await {
            Err(kube::Error::Api(refused)) if refused.code == 404 => {}
            other => drop(other?),
        }
    }
    Ok(Action::await_change())
}

/// The child as it is now, applied first where it is not as it is wanted.
async fn ensure<K>(
    client: &Client,
    owner: &HelloWorld,
    wanted: Value,
    store: &Store<K>,
) -> Result<Arc<K>, Error>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone + DeserializeOwned + serde::Serialize + std::fmt::Debug + Send + Sync + 'static,
{
    let (name, space) = (owner.name_any(), owner.namespace().unwrap_or_default());
    if let Some(live) = store.get(&ObjectRef::new(&name).within(&space)) {
        let found = serde_json::to_value(&*live)?;
        let same = ["spec", "metadata"].iter().all(|part| children::agrees(&wanted[part], &found[part]));
        if same {
            return Ok(live);
        }
    }
    let api: Api<K> = Api::namespaced(client.clone(), &space);
    let parameters = PatchParams::apply(MANAGER).force();
    let made = api.patch(&name, &parameters, &Patch::Apply(&wanted)).await?;
    println!("child applied: {space}/{name}");
    Ok(Arc::new(made))
}

/// A cache of what is ours, and the changes that it sees.
fn owned<K>(client: &Client) -> (Store<K>, impl Stream<Item = watcher::Result<K>> + use<K>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    let labels = format!("app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/name={APP}");
    let (store, writer) = reflector::store();
    let changes = watcher(Api::all(client.clone()), watcher::Config::default().labels(&labels))
        .default_backoff()
        .modify(|object: &mut K| object.managed_fields_mut().clear())
        .reflect(writer)
        .touched_objects();
    (store, changes)
}

fn retry(_: Arc<HelloWorld>, error: &Error, _: Arc<Context>) -> Action {
    println!("tried again: {error}");
    Action::requeue(Duration::from_secs(1))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::try_default().await?;
    let (deployments, deployment_changes) = owned::<Deployment>(&client);
    let (services, service_changes) = owned::<Service>(&client);
    let (store, writer) = reflector::store();
    let changes = watcher(Api::<HelloWorld>::all(client.clone()), watcher::Config::default())
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer)
        .touched_objects()
        .predicate_filter(predicates::generation, Default::default());
    let image = std::env::var("RELATED_IMAGE_HELLOWORLD").unwrap_or_default();
    Controller::for_stream(changes, store)
        .with_config(Config::default().concurrency(16))
        .owns_stream(deployment_changes)
        .owns_stream(service_changes)
        .shutdown_on_signal()
        .run(reconcile, retry, Arc::new(Context { client, image, deployments, services }))
        .for_each(|_| async {})
        .await;
    Ok(())
}
