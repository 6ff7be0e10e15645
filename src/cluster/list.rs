//! A look at all resources of a kind, page by page and without their bodies: memory stays flat however many there are.

use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, ObjectList};
use kube::core::Request;

use super::acknowledge::within_time;
use super::error::describe;
use super::seen::WatchedObject;
use super::{api, list_params, names_nothing};
use crate::registry::Kind;
use crate::resource::Resource;
use crate::source::Scope;
use crate::source::target::ResourceClientError;

/// Resources in a page; each is its metadata alone.
const PAGE: u32 = 500;

/// Why a list did not come.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("its CRD is not installed")]
    NotInstalled,
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
}

/// One page of a list, and where the next one begins.
#[derive(Debug)]
pub struct Page {
    pub resources: Vec<Resource>,
    pub next: Option<String>,
}

/// One page of a kind, from the beginning or from where another one ended. Specs and statuses are left out.
pub async fn page(client: &Client, kind: &Kind, scope: &Scope, from: Option<&str>) -> Result<Page, ListError> {
    let namespace = match scope {
        Scope::All => None,
        Scope::Namespace(namespace) => Some(&**namespace),
    };
    let api: Api<WatchedObject> = api(client, kind, namespace);
    let mut params = list_params(kind, PAGE);
    if let Some(from) = from {
        params = params.continue_token(from);
    }
    let request = Request::new(api.resource_url()).list_metadata(&params);
    let request = request.map_err(|error| ListError::Refused(describe(&error)))?;
    let answer = async {
        match client.request::<ObjectList<WatchedObject>>(request).await {
            // of the path, not of a resource
            Err(kube::Error::Api(status)) if status.code == 404 && names_nothing(&status) => Ok(None),
            other => other.map(Some),
        }
    };
    match within_time(answer).await {
        Ok(Some(list)) => Ok(Page {
            resources: list.items.into_iter().map(|seen| seen.into_resource(kind)).collect(),
            next: list.metadata.continue_.filter(|next| !next.is_empty()),
        }),
        Ok(None) => Err(ListError::NotInstalled),
        Err(ResourceClientError::Refused(text)) => Err(ListError::Refused(text)),
        Err(error) => Err(ListError::Failed(error.to_string())),
    }
}

/// Whether a namespace is known not to be there. Its Roles go with it, so that a list in it is forbidden, not empty.
pub async fn is_gone(client: &Client, namespace: &str) -> bool {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    matches!(within_time(namespaces.get_metadata(namespace)).await, Err(ResourceClientError::Gone))
}
