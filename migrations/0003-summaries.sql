-- Verification summaries: what the signer says of an artifact, signed with a key of its own for that purpose.

-- A summary that somebody may have asked for, and, once it is issued, its exact bytes. It rests on what is published when
-- the signer looks, which is this epoch or a later one. Who asked is nobody's business.
CREATE TABLE summary (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  domain_id integer NOT NULL REFERENCES domain,
  digest text NOT NULL CHECK (digest ~ '^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$'),
  project stemma_role_name NOT NULL,
  epoch bigint NOT NULL CHECK (epoch >= 1),
  requested_at timestamptz NOT NULL DEFAULT now(),
  envelope bytea,
  sha256 stemma_sha256 CHECK (sha256 = encode(sha256(envelope), 'hex')),
  issued_at timestamptz,
  UNIQUE (domain_id, digest, project, epoch),
  CHECK ((envelope IS NULL) = (sha256 IS NULL)),
  CHECK ((envelope IS NULL) = (issued_at IS NULL))
);
CREATE INDEX summary_waiting ON summary (id) WHERE envelope IS NULL;

CREATE FUNCTION stemma_summary_issued_once() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.envelope IS NOT NULL OR (NEW.id, NEW.domain_id, NEW.digest, NEW.project, NEW.epoch, NEW.requested_at)
    IS DISTINCT FROM (OLD.id, OLD.domain_id, OLD.digest, OLD.project, OLD.epoch, OLD.requested_at) THEN
    RAISE EXCEPTION 'Summary % is issued, or would become another summary.', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER summary_issued_once BEFORE UPDATE ON summary
  FOR EACH ROW EXECUTE FUNCTION stemma_summary_issued_once();
CREATE TRIGGER summary_stays BEFORE DELETE ON summary
  FOR EACH ROW EXECUTE FUNCTION stemma_refuse_change();
CREATE TRIGGER summary_table_stays BEFORE TRUNCATE ON summary
  FOR EACH STATEMENT EXECUTE FUNCTION stemma_refuse_change();

-- Who verifies, and the public key that goes with it. No key here: no summaries are offered.
CREATE TABLE verifier_key (
  key_id stemma_sha256 PRIMARY KEY,
  verifier_id text NOT NULL CHECK (length(verifier_id) BETWEEN 1 AND 2048),
  public_key jsonb NOT NULL,
  announced_at timestamptz NOT NULL DEFAULT now()
);

-- The repository asks, and can write nothing that would be taken for an answer.
SELECT stemma_grant('stemma_repository', 'SELECT, INSERT (domain_id, digest, project, epoch)', 'summary');
SELECT stemma_grant('stemma_repository', 'SELECT', 'verifier_key');
SELECT stemma_grant('stemma_signer', 'SELECT, UPDATE (envelope, sha256, issued_at)', 'summary');
SELECT stemma_grant('stemma_signer', 'SELECT, INSERT, UPDATE, DELETE', 'verifier_key');
