-- What became of resources that are not synced: one row each, gone once it is synced or no longer there. A resource with an entry in
-- the ledger and none here is synced, at the entry's generation and time.
CREATE TABLE IF NOT EXISTS orloj_operator.outcome (
    cluster    text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    namespace  text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    generation bigint NOT NULL,
    reason     text NOT NULL,              -- of the condition Synced
    message    text NOT NULL,
    since      bigint NOT NULL,            -- microseconds since 1970
    PRIMARY KEY (cluster, kind, namespace, name)
);
