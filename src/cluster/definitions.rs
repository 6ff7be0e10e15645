//! Custom resource definitions on their way into the cluster: server-side apply, then a wait until they are served.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::Status;
use tokio::time::{Instant, sleep, timeout};

use super::client::CALL_TIMEOUT;
use crate::registry::Kind;

/// Who owns the fields of what is applied.
pub const FIELD_MANAGER: &str = "orloj-operator";

/// Between two looks, and between two tries of an API server that does not answer.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a definition is not in the cluster.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error(
        "unable to apply {name}: others manage fields of it: {managers}; leave it to them, or take the fields over with \
         --force-conflicts"
    )]
    Conflict { name: String, managers: String },
    #[error("unable to apply {name}: {detail}")]
    Refused { name: String, detail: String },
    #[error("unable to establish {name}: {detail}; another definition may have its names, which have to differ")]
    NamesTaken { name: String, detail: String },
    #[error("unable to establish {name} within {} s: {detail}", longest.as_secs())]
    TooLate { name: String, longest: Duration, detail: String },
}

/// Applies the definition of a kind, and waits for `longest` until the API server serves it. With `force` fields that
/// others manage are taken over.
pub async fn establish(client: &Client, kind: &Kind, force: bool, longest: Duration) -> Result<(), DefinitionError> {
    let name = kind.names.crd();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams { force, ..PatchParams::apply(FIELD_MANAGER) };
    let patch = Patch::Apply(kind.crd());
    let until = Instant::now() + longest;
    let mut applied = false;
    loop {
        let call = async {
            if applied { definitions.get(&name).await } else { definitions.patch(&name, &params, &patch).await }
        };
        let why = match timeout(CALL_TIMEOUT, call).await {
            Ok(Ok(found)) => {
                applied = true;
                match state(&found) {
                    DefinitionState::Served => return Ok(()),
                    DefinitionState::NamesTaken(detail) => return Err(DefinitionError::NamesTaken { name, detail }),
                    DefinitionState::NotYet => "the API server does not serve it yet".to_owned(),
                }
            }
            Ok(Err(kube::Error::Api(status))) if is_refusal(&status) => return Err(refusal(name, &status)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if Instant::now() + PAUSE >= until {
            return Err(DefinitionError::TooLate { name, longest, detail: why });
        }
        sleep(PAUSE).await;
    }
}

enum DefinitionState {
    Served,
    NamesTaken(String),
    NotYet,
}

fn state(definition: &CustomResourceDefinition) -> DefinitionState {
    let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut state = DefinitionState::NotYet;
    for condition in conditions {
        match (condition.type_.as_str(), condition.status.as_str()) {
            ("NamesAccepted", "False") => {
                return DefinitionState::NamesTaken(condition.message.clone().unwrap_or_default());
            }
            ("Established", "True") => state = DefinitionState::Served,
            _ => {}
        }
    }
    state
}

/// What another try would not change.
fn is_refusal(status: &Status) -> bool {
    (400..500).contains(&status.code) && status.code != 429
}

fn refusal(name: String, status: &Status) -> DefinitionError {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let managers: Vec<_> = causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| format!("{}: {}", cause.message, cause.field))
        .collect();
    if managers.is_empty() {
        let hint = if status.code == 403 {
            "; it takes the rights to create, get and patch customresourcedefinitions"
        } else {
            ""
        };
        return DefinitionError::Refused { name, detail: format!("{}{hint}", status.message) };
    }
    DefinitionError::Conflict { name, managers: managers.join(", ") }
}
