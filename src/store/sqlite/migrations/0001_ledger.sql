-- Who owns which row, which leader may write, and the ledger's salt. The rules are those of the Postgres store's folder:
-- files are applied in the order of their numbers, never change once released, and only add.

CREATE TABLE IF NOT EXISTS orloj_operator_ledger (
    cluster         TEXT NOT NULL,
    kind            TEXT NOT NULL,
    namespace       TEXT NOT NULL,
    name            TEXT NOT NULL,
    uid             TEXT NOT NULL,
    created         INTEGER NOT NULL,
    key             TEXT NOT NULL,
    generation      INTEGER NOT NULL,
    fingerprint     BLOB NOT NULL,
    row_fingerprint BLOB NOT NULL,
    synced_at       INTEGER NOT NULL,
    PRIMARY KEY (kind, key),
    UNIQUE (cluster, kind, namespace, name)
) STRICT;

CREATE TABLE IF NOT EXISTS orloj_operator_leader (
    cluster TEXT NOT NULL PRIMARY KEY,
    epoch   INTEGER NOT NULL,
    holder  TEXT NOT NULL,
    since   INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS orloj_operator_meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
