-- The row outlives its resource (`orloj.dev/deletion-policy: retain`), also where nobody saw the resource go.
ALTER TABLE orloj_operator.ledger ADD COLUMN IF NOT EXISTS retain boolean NOT NULL DEFAULT false;
