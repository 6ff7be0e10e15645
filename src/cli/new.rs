//! `kinds new`: a kind's file drafted from a CRD, from objects or from a table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use super::args::NewArgs;
use super::{CliError, CommandStatus, check_paths, output, store};
use crate::cluster;
use crate::cluster::error::describe;
use crate::config::Config;
use crate::draft::{Draft, DraftError, Wishes, of_crd, of_samples, of_table};
use crate::registry::{Registry, files_of};
use crate::source::manifest::{files, values};

/// Most rows that are looked at.
const ROWS: u32 = 1_000;

const CRD: &str = "CustomResourceDefinition";

pub async fn run(args: &NewArgs, config: &Config, registry: &Registry) -> Result<CommandStatus, CliError> {
    let draft = draft(args, config, registry).await?;
    let text = draft.to_string();
    for line in draft.notes.lines() {
        output::note(&format!("note: {line}"));
    }
    // a file that the loader refuses would be in the way of all others beside it
    let shown = args.out.as_deref().map_or_else(|| "<draft>".to_owned(), |path| path.display().to_string());
    load(config, &draft, shown, &text)?;
    match &args.out {
        None => output::text(&text)?,
        Some(path) => {
            write(path, &text, args.force)?;
            output::note(&format!("wrote {}", path.display()));
        }
    }
    Ok(CommandStatus::Success)
}

/// The draft among the kinds that are known, in place of one of its name.
fn load(config: &Config, draft: &Draft, name: String, text: &str) -> Result<Registry, CliError> {
    let mut files = config.kinds_dir.as_deref().map_or_else(|| Ok(Vec::new()), files_of)?;
    files.retain(|(name, text)| {
        let same = Registry::from_files([(name.clone(), text.clone())]).is_ok_and(|registry| {
            registry.kinds().iter().any(|kind| kind.names.group == draft.group && kind.names.kind == draft.kind)
        });
        !same
    });
    files.push((name, text.to_owned()));
    Ok(Registry::with_files(files)?)
}

async fn draft(args: &NewArgs, config: &Config, registry: &Registry) -> Result<Draft, CliError> {
    let wishes = Wishes {
        group: args.group.clone(),
        version: args.api_version.clone(),
        kind: args.kind.clone(),
        plural: args.plural.clone(),
        table: args.table.clone(),
    };
    if let Some(path) = &args.from_crd {
        check_paths(std::slice::from_ref(path))?;
        let crd = the_crd(values(&path.as_path().into())?, args.kind.as_deref(), path)?;
        return Ok(of_crd(&crd, &wishes, registry)?);
    }
    if let Some(name) = &args.from_cluster {
        return Ok(of_crd(&installed(name, config).await?, &wishes, registry)?);
    }
    if let Some(table) = &args.from_table {
        let opened = store::open_existing(&store::url(args.store.as_ref(), config)?).await?;
        let found = store::close_after(opened.as_ref(), opened.describe(table, ROWS)).await?;
        let found = found.ok_or_else(|| DraftError::Unfit(format!("the store has no table {table}")))?;
        return Ok(of_table(table, &found, &wishes, registry)?);
    }
    Ok(of_samples(&samples(&args.from_sample)?, &wishes, registry)?)
}

fn samples(paths: &[PathBuf]) -> Result<Vec<Value>, CliError> {
    check_paths(paths)?;
    let mut found: Vec<Arc<Path>> = Vec::new();
    let mut failed = None;
    files::walk(paths, &mut |entry| match entry {
        Ok(file) => found.push(file),
        Err(error) => failed = Some(error),
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let mut all = Vec::new();
    for file in &found {
        all.append(&mut values(file)?);
    }
    Ok(all)
}

/// The one definition of a file, or that of the wanted kind.
fn the_crd(all: Vec<Value>, kind: Option<&str>, path: &Path) -> Result<Value, CliError> {
    let path = path.display();
    let others = !all.is_empty();
    let name = |value: &Value| value.pointer("/spec/names/kind").and_then(Value::as_str).unwrap_or("?").to_owned();
    let crds: Vec<Value> =
        all.into_iter().filter(|value| value.get("kind").and_then(Value::as_str) == Some(CRD)).collect();
    let names = crds.iter().map(name).collect::<Vec<_>>().join(", ");
    let mut wanted: Vec<Value> = crds.into_iter().filter(|crd| kind.is_none_or(|kind| name(crd) == kind)).collect();
    match (wanted.pop(), wanted.is_empty()) {
        (Some(crd), true) => Ok(crd),
        (Some(_), false) => {
            Err(CliError::Usage(format!("{path} holds several CRDs, of {names}: say which with --kind")))
        }
        (None, _) if names.is_empty() && others => {
            let help = "objects of a kind are taken by --from-sample";
            Err(CliError::Usage(format!("{path} holds no {CRD}; {help}")))
        }
        (None, _) if names.is_empty() => Err(CliError::Usage(format!("{path} holds no {CRD}: it is empty"))),
        (None, _) => Err(CliError::Usage(format!("{path} holds CRDs of {names} only"))),
    }
}

async fn installed(name: &str, config: &Config) -> Result<Value, CliError> {
    let client = cluster::client::connect(config.kubeconfig.as_deref(), Arc::new(|_, _| {}))?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apiextensions.k8s.io", "v1", CRD));
    let api: Api<DynamicObject> = Api::all_with(client, &resource);
    let found = api
        .get(name)
        .await
        .map_err(|error| CliError::Usage(format!("unable to get the CRD {name}: {}", describe(&error))))?;
    serde_json::to_value(found).map_err(|error| CliError::Usage(format!("unable to read the CRD {name}: {error}")))
}

/// Never over another file by accident, also where it appears just now.
fn write(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            CliError::Usage(format!("unable to write {}: it is there already; --force overwrites it", path.display()))
        } else {
            CliError::Usage(format!("unable to write {}: {error}", path.display()))
        }
    })?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .map_err(|error| CliError::Usage(format!("unable to write {}: {error}", path.display())))
}
