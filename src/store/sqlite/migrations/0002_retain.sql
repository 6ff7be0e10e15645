-- The row outlives its resource (`orloj.dev/deletion-policy: retain`), also where nobody saw the resource go.
ALTER TABLE orloj_operator_ledger ADD COLUMN retain INTEGER NOT NULL DEFAULT 0;
