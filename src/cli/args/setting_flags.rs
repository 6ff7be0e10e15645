//! Clap arguments out of the table of settings.

use std::fmt;
use std::marker::PhantomData;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::config::Flags;
use crate::config::settings::{CLUSTER, ENCRYPTION, KUBECONFIG, REST, SETTINGS, STORE, Setting, SettingShape};

/// Which settings a command takes as flags.
pub trait Selection {
    fn takes(setting: &Setting) -> bool;
    /// Left out of `-h`, shown by `--help`.
    const IN_LONG_HELP_ONLY: bool = false;
}

/// The program itself, which runs the operator.
#[derive(Debug)]
pub struct Everything;

/// A subcommand that takes all; clap hands it the global ones by itself.
#[derive(Debug)]
pub struct WithoutGlobal;

/// A subcommand that only opens a store.
#[derive(Debug)]
pub struct StoreOnly;

/// A subcommand that only calls the API server.
#[derive(Debug)]
pub struct ClusterOnly;

impl Selection for ClusterOnly {
    const IN_LONG_HELP_ONLY: bool = true;

    fn takes(setting: &Setting) -> bool {
        setting.name == KUBECONFIG
    }
}

impl Selection for Everything {
    fn takes(setting: &Setting) -> bool {
        setting.heading != REST
    }
}

impl Selection for WithoutGlobal {
    fn takes(setting: &Setting) -> bool {
        !setting.global && setting.heading != REST
    }
}

impl Selection for StoreOnly {
    const IN_LONG_HELP_ONLY: bool = true;

    fn takes(setting: &Setting) -> bool {
        [STORE, ENCRYPTION].contains(&setting.heading)
    }
}

/// The subcommand that serves the REST API.
#[derive(Debug)]
pub struct StoreAndRest;

impl Selection for StoreAndRest {
    fn takes(setting: &Setting) -> bool {
        [STORE, ENCRYPTION, REST].contains(&setting.heading)
    }
}

/// A subcommand that opens a store and may look at a cluster.
#[derive(Debug)]
pub struct StoreAndCluster;

impl Selection for StoreAndCluster {
    const IN_LONG_HELP_ONLY: bool = true;

    fn takes(setting: &Setting) -> bool {
        [STORE, ENCRYPTION, CLUSTER].contains(&setting.heading)
    }
}

/// The flags of settings that a command was given.
pub struct SettingFlags<S> {
    flags: Flags,
    selection: PhantomData<S>,
}

impl<S> SettingFlags<S> {
    pub(super) fn flags(&self) -> Flags {
        self.flags.clone()
    }
}

impl<S> Default for SettingFlags<S> {
    fn default() -> Self {
        Self { flags: Flags::default(), selection: PhantomData }
    }
}

impl<S> fmt::Debug for SettingFlags<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.flags.fmt(f)
    }
}

impl<S: Selection> Args for SettingFlags<S> {
    fn augment_args(command: Command) -> Command {
        let selected = SETTINGS.iter().filter(|setting| S::takes(setting));
        command.args(selected.map(|setting| arg(setting).hide_short_help(S::IN_LONG_HELP_ONLY)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Selection> FromArgMatches for SettingFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut found = Self::default();
        found.update_from_arg_matches(matches)?;
        Ok(found)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for setting in SETTINGS.iter().filter(|setting| S::takes(setting)) {
            let given = matches.value_source(setting.name) == Some(ValueSource::CommandLine);
            if let Some(value) = matches.get_one::<String>(setting.name).filter(|_| given) {
                self.flags.set(setting.name, value);
            }
        }
        Ok(())
    }
}

fn arg(setting: &'static Setting) -> Arg {
    let mut help = setting.help.to_owned();
    if let Some(default) = setting.default {
        help += &[" [default: ", default, "]"].concat();
    }
    if !setting.env.is_empty() {
        help += &[" [env: ", &setting.env.join(", "), "]"].concat();
    }
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .value_name(setting.placeholder)
        .help(help)
        .help_heading(setting.heading)
        // given twice, the last one counts, as in Go
        .overrides_with(setting.name)
        .global(setting.global);
    match setting.shape {
        // Go's form: --flag or --flag=false, never --flag false
        SettingShape::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        SettingShape::Choice(choices) => arg.value_parser(PossibleValuesParser::new(choices)).ignore_case(true),
        SettingShape::Path => arg.value_hint(clap::ValueHint::AnyPath),
        _ => arg,
    }
}
