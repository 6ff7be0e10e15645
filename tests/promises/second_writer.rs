//! Another program that writes where the operator writes, in a process of its own.

use crate::bed::{Process, Scratch, Spec, binaries};
use crate::world::World;

/// A program that does the same again and again, every quarter of a second, until it is dropped. Each time it prints
/// how much it changed.
pub struct SecondWriter {
    process: Process,
    _scratch: Scratch,
}

impl SecondWriter {
    /// Runs `update`, an UPDATE or DELETE without a RETURNING clause, in sessions of its own.
    pub fn sql(world: &World, update: &str) -> Self {
        let sql = format!("with undone as ({update} returning 1) select count(*) from undone");
        let script = "while :; do \"$PSQL\" -X -q -A -t -d \"$DSN\" -c \"$SQL\"; sleep 0.25; done";
        let env = [("PSQL", binaries::psql().display().to_string()), ("DSN", world.database.dsn()), ("SQL", sql)];
        Self::script(script, env)
    }

    /// Patches a resource with kubectl wherever `wrong`, a jsonpath, prints something of it.
    pub fn patch(world: &World, crd: &str, name: &str, wrong: &str, patch: &[&str]) -> Self {
        let script = "while :; do \
            if [ -n \"$(\"$KUBECTL\" -n \"$NS\" get \"$CRD\" \"$NAME\" -o jsonpath=\"$WRONG\")\" ]; then \
            eval \"\\\"$KUBECTL\\\" -n $NS patch $CRD $NAME $PATCH\" >/dev/null && echo 1; fi; sleep 0.25; done";
        let quoted: Vec<_> = patch.iter().map(|word| format!("'{word}'")).collect();
        let env = [
            ("KUBECTL", binaries::control_plane().kubectl.display().to_string()),
            ("KUBECONFIG", world.cluster.admin_kubeconfig().display().to_string()),
            ("NS", world.namespace.clone()),
            ("CRD", crd.to_owned()),
            ("NAME", name.to_owned()),
            ("WRONG", wrong.to_owned()),
            ("PATCH", quoted.join(" ")),
        ];
        Self::script(script, env)
    }

    fn script<const N: usize>(script: &str, env: [(&str, String); N]) -> Self {
        let scratch = Scratch::new("second-writer");
        let log = scratch.path().join("log");
        let spec = Spec::new("sh", log).args(["-c", script]);
        let spec = env.into_iter().fold(spec, |spec, (name, value)| spec.env(name, value));
        Self { process: Process::start(&spec).expect("sh runs"), _scratch: scratch }
    }

    /// How much it has changed so far: rows, or resources.
    pub fn changed(&self) -> u64 {
        self.process.log().lines().filter_map(|line| line.trim().parse::<u64>().ok()).sum()
    }

    /// All that it printed.
    pub fn log(&self) -> String {
        self.process.log()
    }
}
