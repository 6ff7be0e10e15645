//! Go's flag package takes `-flag` for `--flag`; manifests written for the original may rely on it.

use std::ffi::OsString;

use crate::config::settings;

/// Gives flags of settings that have a single dash a second one. All else stays as it is: `-o yaml`, `-oyaml`, `-`,
/// and whatever follows `--`.
pub(super) fn rewrite(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut open = true;
    let rewrite = |arg: OsString| {
        open = open && arg != "--";
        match arg.to_str() {
            Some(text) if open && is_go_flag(text) => OsString::from(format!("-{text}")),
            _ => arg,
        }
    };
    args.into_iter().map(rewrite).collect()
}

fn is_go_flag(arg: &str) -> bool {
    let Some(flag) = arg.strip_prefix('-') else { return false };
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    matches!(name, "config" | "version" | "help") || settings::find(name).is_some()
}

/// How often a flag is given.
pub(super) fn occurrences(args: &[OsString], name: &str) -> usize {
    let given = args.iter().take_while(|arg| *arg != "--").filter_map(|arg| arg.to_str()?.strip_prefix("--"));
    given.filter(|given| given.split('=').next() == Some(name)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let args = rewrite(line.split(' ').map(OsString::from));
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn single_dashes_of_known_flags_are_doubled() {
        for (given, expected) in [
            ("x -leader-elect=false", "x --leader-elect=false"),
            ("x -postgres-dsn x=y", "x --postgres-dsn x=y"),
            ("x -metrics-addr=:1 -version", "x --metrics-addr=:1 --version"),
        ] {
            assert_eq!(rewritten(given), expected);
        }
    }

    #[test]
    fn the_rest_stays() {
        for line in [
            "x --leader-elect=false",
            "x get widget -o yaml -n a -A",
            "x get widget -oyaml -ndefault",
            "x render -",
            "x -h -V",
            "x -no-such-flag",
            "x sync -- -kubeconfig",
        ] {
            assert_eq!(rewritten(line), line);
        }
    }
}
