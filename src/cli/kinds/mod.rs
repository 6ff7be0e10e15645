//! `kinds`: what the registry holds, what is generated from it, and what its authors need.

mod explain;
mod lint;
mod test;

use std::sync::Arc;

use serde_json::{Value, json};

use super::args::{CrdsArgs, KindsCommand, OutputFormat};
use super::{CliError, CommandStatus, block_on, output};
use crate::authoring::cases;
use crate::authoring::{rbac, schemas};
use crate::cluster::lease::LEASE_NAME;
use crate::cluster::{client, definitions};
use crate::config::Config;
use crate::registry::{Kind, Registry, crd, json_schema};
use crate::store::TableOwner;

pub fn run(command: &KindsCommand, config: &Config) -> Result<CommandStatus, CliError> {
    let folder = config.kinds_dir.as_deref();
    match command {
        KindsCommand::Lint(args) => return lint::run(args, folder),
        KindsCommand::Test(args) => return test::run(args, folder),
        KindsCommand::Explain(args) => return explain::run(args, folder),
        KindsCommand::Schema { cases: true } => {
            output::json(&cases::json_schema())?;
            return Ok(CommandStatus::Success);
        }
        _ => {}
    }
    show(command, config, &Registry::load(folder)?)
}

/// What needs the kinds loaded.
fn show(command: &KindsCommand, config: &Config, registry: &Registry) -> Result<CommandStatus, CliError> {
    match command {
        KindsCommand::List { output } => list(registry, *output)?,
        KindsCommand::Schema { .. } => output::json(&json_schema())?,
        KindsCommand::Crds(args) => crds(args, config, registry)?,
        KindsCommand::Schemas { out: None, .. } => output::json(&schemas::bundle(registry))?,
        KindsCommand::Schemas { out: Some(folder), address } => {
            for path in schemas::write(registry, folder, address)? {
                output::note(&format!("wrote {}", path.display()));
            }
        }
        // done before; a draft may ask a cluster or a store, see `new`
        KindsCommand::Lint(_) | KindsCommand::Test(_) | KindsCommand::Explain(_) | KindsCommand::New(_) => {}
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
    Ok(CommandStatus::Success)
}

fn crds(args: &CrdsArgs, config: &Config, registry: &Registry) -> Result<(), CliError> {
    let mut kinds = registry.own_kinds().collect::<Vec<_>>();
    if !args.only.is_empty() {
        let named = |word: &String| registry.resolve(word).ok_or_else(|| unknown_kind(word));
        let named = args.only.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        if let Some(foreign) = named.iter().map(|index| registry.kind(*index)).find(|kind| kind.foreign.is_some()) {
            let text = format!("there is no definition of {}: the kind is another's", foreign.names.label);
            return Err(CliError::Usage(text));
        }
        kinds.retain(|kind| named.contains(&kind.index));
    }
    if args.only_extra {
        kinds.retain(|kind| !kind.is_built_in());
    }
    if args.apply {
        return block_on(apply(args, config, &kinds));
    }
    let Some(folder) = &args.out else {
        return Ok(output::text(&kinds.into_iter().map(Kind::crd_yaml).collect::<String>())?);
    };
    for path in crd::write_crds(kinds, folder)? {
        output::note(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// One that is refused does not keep the others out.
async fn apply(args: &CrdsArgs, config: &Config, kinds: &[&Kind]) -> Result<(), CliError> {
    let client = client::connect(config.kubeconfig.as_deref(), Arc::new(|_, _| {}))?;
    let mut failed = None;
    for kind in kinds {
        match definitions::establish(&client, kind, args.force_conflicts, args.timeout).await {
            Ok(()) => output::line(&format!("{} is served", kind.names.crd()))?,
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    output::error(&earlier);
                }
            }
        }
    }
    if kinds.is_empty() {
        output::note("no kind to apply: none is left by KIND and --only-extra");
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn unknown_kind(word: &str) -> CliError {
    CliError::Usage(format!(
        "unable to find the kind {word:?}: `orloj-operator kinds list` names all, with --kinds yours too"
    ))
}

fn list(registry: &Registry, format: OutputFormat) -> std::io::Result<()> {
    let described = || registry.kinds().iter().map(describe).collect::<Vec<_>>();
    match format {
        OutputFormat::Json => output::json(&described()),
        OutputFormat::Yaml => output::yaml(&described()),
        OutputFormat::Table => {
            let header = ["KIND", "PLURAL", "SHORT NAMES", "API VERSION", "TABLE", "OWNER", "SECRETS", "ORLOJD"];
            let row = |kind: &Kind| {
                let names = &kind.names;
                vec![
                    names.label.clone(),
                    names.plural.clone(),
                    names.short_names.join(","),
                    names.api_version(),
                    kind.store.table.name.clone(),
                    owner(kind).to_owned(),
                    if kind.sensitive { "yes" } else { "no" }.to_owned(),
                    needs(kind),
                ]
            };
            output::text(&output::table(&header, registry.kinds().iter().map(row)))
        }
    }
}

/// The first orlojd that has the kind's table.
fn needs(kind: &Kind) -> String {
    match (&kind.since, kind.store.table.owner) {
        (Some(version), _) => format!("{version} or newer"),
        (None, TableOwner::Orlojd) => "any".to_owned(),
        (None, TableOwner::Operator) => "none".to_owned(),
    }
}

fn describe(kind: &Kind) -> Value {
    let names = &kind.names;
    json!({
        "kind": names.kind,
        "label": names.label,
        "definition": if kind.foreign.is_some() { "foreign" } else { "own" },
        "apiVersion": names.api_version(),
        "plural": names.plural,
        "singular": names.singular,
        "since": kind.since,
        "shortNames": names.short_names,
        "description": kind.description,
        "table": kind.store.table.name,
        "columns": kind.store.table.columns.iter().map(|column| &column.name).collect::<Vec<_>>(),
        "owner": owner(kind),
        "initialPhase": kind.store.initial_phase,
        "runtimeReports": kind.runtime_reports,
        "sensitive": kind.sensitive,
        "collection": kind.api.as_ref().map(|api| &api.collection),
    })
}

fn owner(kind: &Kind) -> &'static str {
    match kind.store.table.owner {
        TableOwner::Orlojd => "orlojd",
        TableOwner::Operator => "operator",
    }
}
