-- Who owns which row, which leader may write, and the ledger's salt.
--
-- Rules for this folder: files are applied in the order of their numbers, each in a transaction of its own, and never
-- change once released. They only add, and say so idempotently (IF NOT EXISTS): during a rolling update an older
-- operator goes on writing beside a newer schema, so a new column is nullable or has a default, and nothing is
-- renamed, dropped or tightened. Text that is ordered or paged by is COLLATE "C": bytewise, whatever the database's
-- locale says.

CREATE TABLE IF NOT EXISTS orloj_operator.ledger (
    cluster         text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    namespace       text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    uid             text NOT NULL,
    created         bigint NOT NULL,              -- seconds since 1970, the resource's creation
    key             text COLLATE "C" NOT NULL,    -- the row's name in the kind's table
    generation      bigint NOT NULL,
    fingerprint     bytea NOT NULL,
    row_fingerprint bytea NOT NULL,
    synced_at       bigint NOT NULL,              -- microseconds since 1970
    PRIMARY KEY (kind, key),
    UNIQUE (cluster, kind, namespace, name)
);

CREATE TABLE IF NOT EXISTS orloj_operator.leader (
    cluster text PRIMARY KEY,
    epoch   bigint NOT NULL,
    holder  text NOT NULL,
    since   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS orloj_operator.meta (
    key   text PRIMARY KEY,
    value bytea NOT NULL
);
