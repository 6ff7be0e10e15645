//! The contract with orlojd and with the original operator: what their programs read and write, as constants. The evidence
//! is in `kinds/ORLOJD.md` 1.1, 1.3, 2.1, 2.5, 2.6, 2.7, 3.1, 3.3, 5.3, 5.4, 5.5 and 5.9; each constant names its section.
//! When orlojd changes, this file is read first.

/// The finalizer of a resource that may have a row, as the original names it (5.3).
pub const FINALIZER: &str = "orloj.dev/sync";

/// The annotation that puts a row into another namespace than the resource's (2.1).
pub const TARGET_NAMESPACE: &str = "orloj.dev/target-namespace";
/// The annotation of a row with the resource's own namespace, where a target namespace is given (3.1).
pub const SOURCE_NAMESPACE: &str = "orloj.dev/source-namespace";
/// The annotation of a row that says who manages it (3.1).
pub const MANAGED_BY: &str = "orloj.dev/managed-by";
/// The value of [`MANAGED_BY`] that orlojd looks for (3.1).
pub const MANAGED_BY_VALUE: &str = "crd-sync";
/// The annotation of rows that a `SealedSecret` owns: orlojd deletes and overwrites them (5.4).
pub const SEALED_SECRET_OWNER: &str = "orloj.dev/sealedsecret-owner";
/// kubectl's copy of what was last applied: a whole manifest, changed by every client-side apply (5.5).
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The annotation that stops syncing one resource; ours alone.
pub const SUSPEND: &str = "orloj.dev/suspend";
/// The annotation that says what becomes of the row of a deleted resource; ours alone.
pub const DELETION_POLICY: &str = "orloj.dev/deletion-policy";
/// The annotation with the findings of `validate` that are meant: `rule: reason`, several parted by `;`. Ours alone.
pub const VALIDATE_IGNORE: &str = "orloj.dev/validate-ignore";

/// The annotation of a row that says of which kind its resource is, where that is not one of ours; ours alone.
pub const SOURCE_KIND: &str = "orloj.dev/source-kind";
/// The annotation of a resource of another controller's kind that says what the status of ours would; ours alone.
pub const SYNC_STATUS: &str = "orloj.dev/sync-status";

/// Annotations of a resource that never reach its row. The first would carry secret material around encryption (5.5), the
/// second would have orlojd delete the row (5.4); the others are switches of this operator, and rows hold nothing that
/// orlojd would not write.
pub const NOT_COPIED: [&str; 6] =
    [LAST_APPLIED, SEALED_SECRET_OWNER, SUSPEND, DELETION_POLICY, VALIDATE_IGNORE, SYNC_STATUS];

/// Annotations by which a row says who owns it: the operator alone writes them (3.1).
pub const OWNER_MARKS: [&str; 3] = [MANAGED_BY, SOURCE_NAMESPACE, SOURCE_KIND];

/// Names that are routes of orlojd's API below a resource, and so no resource's (3.3). Kubernetes names are lower case
/// already; the operator refuses them in any case.
pub const RESERVED_NAMES: [&str; 6] = ["status", "logs", "exec", "scale", "proxy", "binding"];

/// Most characters of a scoped key: a check constraint of orlojd's tables (1.1).
pub const MAX_KEY_CHARS: usize = 253;

/// Phases in a resource's status that the operator sets itself (3.1); all others come from orlojd.
pub mod phases {
    pub const SYNCED: &str = "Synced";
    pub const SYNC_ERROR: &str = "SyncError";
}

/// Status of the condition `Ready` for a runtime phase: good and bad words as orlojd's controllers write them (2.7); any
/// other phase is on its way.
#[must_use]
pub fn readiness(phase: &str) -> &'static str {
    match phase.trim().to_lowercase().as_str() {
        "ready" | "running" | "active" | "succeeded" => "True",
        "error" | "failed" => "False",
        _ => "Unknown",
    }
}

/// The resource version of the next write: stored + 1; a version that is no number (an error for the original) starts
/// over (2.5).
#[must_use]
pub fn next_version(stored: &str) -> String {
    stored.trim().parse::<u64>().ok().and_then(|version| version.checked_add(1)).unwrap_or(1).to_string()
}

/// The mark at the start of a sealed value; base64 of nonce, ciphertext and tag stands behind it (2.6).
pub const SEALED_PREFIX: &str = "enc:";
/// The length of the AES-256-GCM key in bytes (2.6).
pub const KEY_LEN: usize = 32;
/// The length of a nonce in bytes (2.6).
pub const NONCE_LEN: usize = 12;
/// The length of a tag in bytes (2.6).
pub const TAG_LEN: usize = 16;

/// orlojd's migrations that shape our tables (1.3).
pub const MIGRATIONS: [&str; 3] = ["003_mcp_servers", "007_schema_hardening", "008_spec_hash"];

/// The key of the advisory lock around our own migrations. It is ours alone: orlojd's migrator holds 7301947, which one
/// version of it may never give back (5.9).
pub const MIGRATION_LOCK: i64 = 7_301_948_226;
