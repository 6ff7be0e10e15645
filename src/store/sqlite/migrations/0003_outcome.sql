-- What became of resources that are not synced, as in the Postgres store's folder.
CREATE TABLE IF NOT EXISTS orloj_operator_outcome (
    cluster    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    namespace  TEXT NOT NULL,
    name       TEXT NOT NULL,
    generation INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    message    TEXT NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (cluster, kind, namespace, name)
) STRICT;
