//! `kinds`: what the registry holds, and what is generated from it.

use serde_json::{Value, json};

use super::args::{KindsCommand, OutputFormat};
use super::{CliError, Ended, output};
use crate::cluster::lease::LEASE_NAME;
use crate::config::Config;
use crate::registry::{Kind, Registry, crd, json_schema, rbac, schemas};
use crate::store::TableOwner;

pub fn run(command: &KindsCommand, config: &Config, registry: &Registry) -> Result<Ended, CliError> {
    match command {
        KindsCommand::List { output } => list(registry, *output)?,
        KindsCommand::Schema => output::json(&json_schema())?,
        KindsCommand::Crds { out: None } => output::text(&crd::crds_yaml(registry))?,
        KindsCommand::Crds { out: Some(folder) } => {
            for path in crd::write_crds(registry, folder)? {
                output::note(&format!("wrote {}", path.display()));
            }
        }
        KindsCommand::Schemas { out: None, .. } => output::json(&schemas::bundle(registry))?,
        KindsCommand::Schemas { out: Some(folder), address } => {
            for path in schemas::write(registry, folder, address)? {
                output::note(&format!("wrote {}", path.display()));
            }
        }
        // it may ask a cluster or a store, see `new`
        KindsCommand::New(_) => {}
        KindsCommand::Rbac { namespace, service_account, namespaces } => {
            let watched = if namespaces.is_empty() { &config.namespaces } else { namespaces };
            let options = rbac::RbacOptions {
                namespace: namespace.clone(),
                service_account: service_account.clone(),
                lease: LEASE_NAME.to_owned(),
                namespaces: watched.clone(),
            };
            output::text(&rbac::rbac_yaml(registry, &options))?;
        }
    }
    Ok(Ended::Well)
}

fn list(registry: &Registry, format: OutputFormat) -> std::io::Result<()> {
    let described = || registry.kinds().iter().map(describe).collect::<Vec<_>>();
    match format {
        OutputFormat::Json => output::json(&described()),
        OutputFormat::Yaml => output::yaml(&described()),
        OutputFormat::Table => {
            let header = ["KIND", "PLURAL", "SHORT NAMES", "API VERSION", "TABLE", "OWNER", "SECRETS"];
            let row = |kind: &Kind| {
                let names = &kind.names;
                vec![
                    names.kind.clone(),
                    names.plural.clone(),
                    names.short_names.join(","),
                    names.api_version(),
                    kind.store.table.name.clone(),
                    owner(kind).to_owned(),
                    if kind.sensitive { "yes" } else { "no" }.to_owned(),
                ]
            };
            output::text(&output::table(&header, registry.kinds().iter().map(row)))
        }
    }
}

fn describe(kind: &Kind) -> Value {
    let names = &kind.names;
    json!({
        "kind": names.kind,
        "apiVersion": names.api_version(),
        "plural": names.plural,
        "singular": names.singular,
        "shortNames": names.short_names,
        "description": kind.description,
        "table": kind.store.table.name,
        "columns": kind.store.table.columns.iter().map(|column| &column.name).collect::<Vec<_>>(),
        "owner": owner(kind),
        "initialPhase": kind.store.initial_phase,
        "runtimeReports": kind.runtime_reports,
        "sensitive": kind.sensitive,
        "collection": kind.collection,
    })
}

fn owner(kind: &Kind) -> &'static str {
    match kind.store.table.owner {
        TableOwner::Orlojd => "orlojd",
        TableOwner::Operator => "operator",
    }
}
