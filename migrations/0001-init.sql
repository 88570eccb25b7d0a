-- The first schema. What it promises:
--   * what has been published, and what was received, can never change: rows of metadata, target_file,
--     evidence and outbox cannot be updated, deleted or truncated by anybody who is not the owner;
--   * the stored hash of bytes is the hash of those bytes;
--   * a role has one body per version: UNIQUE(domain, role, version);
--   * the head moves forward only, one epoch at a time: a signer that missed a publish cannot commit.
-- Two group roles hold the least rights that the services need. A login user is made a member of one of
-- them. Where the migrating user may not create roles, an administrator creates both beforehand.

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['stemma_repository', 'stemma_signer'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      END IF;
    EXCEPTION
      WHEN insufficient_privilege THEN
        RAISE NOTICE 'The role % does not exist and cannot be created by %.', wanted, current_user;
      WHEN duplicate_object OR unique_violation THEN
        NULL; -- another database of this server is being migrated at the same time
    END;
  END LOOP;
END
$$;

-- GRANT for a group role that may not exist (see above). Later migrations use it for their own tables.
CREATE FUNCTION stemma_grant(grantee text, privileges text, object text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = grantee) THEN
    EXECUTE format('GRANT %s ON %s TO %I', privileges, object, grantee);
  END IF;
END
$$;
REVOKE ALL ON FUNCTION stemma_grant(text, text, text) FROM PUBLIC;

CREATE FUNCTION stemma_refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: its rows are append-only.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END
$$;

-- Makes a table append-only. A row trigger alone would let TRUNCATE empty the table.
CREATE FUNCTION stemma_append_only(object regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON %s '
    'FOR EACH ROW EXECUTE FUNCTION stemma_refuse_change()', object);
  EXECUTE format('CREATE TRIGGER append_only_table BEFORE TRUNCATE ON %s '
    'FOR EACH STATEMENT EXECUTE FUNCTION stemma_refuse_change()', object);
END
$$;
REVOKE ALL ON FUNCTION stemma_append_only(regclass) FROM PUBLIC;

-- A role as TUF names it: root, timestamp, snapshot, targets, artifacts, a project, or a bin.
CREATE DOMAIN stemma_role_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,62}$');
-- TUF versions start at 1; the upper bound is the largest integer that every JSON reader keeps exact.
CREATE DOMAIN stemma_version AS bigint CHECK (VALUE BETWEEN 1 AND 9007199254740991);
CREATE DOMAIN stemma_sha256 AS text CHECK (VALUE ~ '^[0-9a-f]{64}$');

-- A trust domain. Its name is the first segment of a URL, so the routes of the service are reserved.
CREATE TABLE domain (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE
    CHECK (name ~ '^[a-z][a-z0-9-]{0,62}$')
    CHECK (name !~ '^v[0-9]+$' AND name NOT IN ('docs', 'livez', 'readyz', 'metrics', 'console', 'admin', 'static')),
  created_at timestamptz NOT NULL DEFAULT now()
);
SELECT stemma_append_only('domain');

-- Every signed metadata document that was ever published, exactly as signed.
CREATE TABLE metadata (
  domain_id integer NOT NULL REFERENCES domain,
  role stemma_role_name NOT NULL,
  version stemma_version NOT NULL,
  bytes bytea NOT NULL,
  sha256 stemma_sha256 NOT NULL CHECK (sha256 = encode(sha256(bytes), 'hex')),
  epoch bigint NOT NULL CHECK (epoch >= 1),
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_id, role, version)
);
SELECT stemma_append_only('metadata');

-- What is current in a domain. Epoch 0: accepted, and nothing published yet.
CREATE TABLE head (
  domain_id integer PRIMARY KEY REFERENCES domain,
  epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
  root_version bigint NOT NULL DEFAULT 0 CHECK (root_version >= 0),
  targets_version bigint NOT NULL DEFAULT 0 CHECK (targets_version >= 0),
  snapshot_version bigint NOT NULL DEFAULT 0 CHECK (snapshot_version >= 0),
  timestamp_version bigint NOT NULL DEFAULT 0 CHECK (timestamp_version >= 0),
  signed_at timestamptz,
  expires_at timestamptz,
  CHECK (epoch = 0 OR (root_version > 0 AND targets_version > 0 AND snapshot_version > 0
    AND timestamp_version > 0 AND signed_at IS NOT NULL AND expires_at > signed_at))
);

-- Fencing: whoever signs must have seen the epoch before. Nothing ever goes back, the clock included.
CREATE FUNCTION stemma_head_forward() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.epoch <> 0 OR NEW.timestamp_version <> 0 THEN
      RAISE EXCEPTION 'A new head starts at epoch 0.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.domain_id <> OLD.domain_id OR NEW.epoch <> OLD.epoch + 1
    OR NEW.root_version < OLD.root_version OR NEW.targets_version < OLD.targets_version
    OR NEW.snapshot_version < OLD.snapshot_version OR NEW.timestamp_version <= OLD.timestamp_version
    OR NEW.signed_at < OLD.signed_at THEN
    RAISE EXCEPTION 'The head of domain % moves forward only, one epoch at a time.', OLD.domain_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER head_forward BEFORE INSERT OR UPDATE ON head
  FOR EACH ROW EXECUTE FUNCTION stemma_head_forward();
CREATE TRIGGER head_stays BEFORE DELETE ON head
  FOR EACH ROW EXECUTE FUNCTION stemma_refuse_change();
CREATE TRIGGER head_table_stays BEFORE TRUNCATE ON head
  FOR EACH STATEMENT EXECUTE FUNCTION stemma_refuse_change();

-- Files that project roles name as TUF targets: layouts, revocations.
CREATE TABLE target_file (
  domain_id integer NOT NULL REFERENCES domain,
  sha256 stemma_sha256 NOT NULL CHECK (sha256 = encode(sha256(bytes), 'hex')),
  bytes bytea NOT NULL,
  length integer NOT NULL GENERATED ALWAYS AS (octet_length(bytes)) STORED,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_id, sha256)
);
SELECT stemma_append_only('target_file');

-- Signed links and attestations, exactly as received, named by their own hash.
CREATE TABLE evidence (
  domain_id integer NOT NULL REFERENCES domain,
  sha256 stemma_sha256 NOT NULL CHECK (sha256 = encode(sha256(bytes), 'hex')),
  bytes bytea NOT NULL,
  length integer NOT NULL GENERATED ALWAYS AS (octet_length(bytes)) STORED,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain_id, sha256)
);
SELECT stemma_append_only('evidence');

-- What the repository accepted and the signer has to publish. `outcome` is decided once.
CREATE TABLE change (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  domain_id integer NOT NULL REFERENCES domain,
  kind text NOT NULL CHECK (kind IN ('metadata', 'record')),
  body jsonb NOT NULL DEFAULT '{}',
  accepted_at timestamptz NOT NULL DEFAULT now(),
  outcome text CHECK (outcome IN ('published', 'refused')),
  epoch bigint CHECK (epoch >= 1),
  refusal text,
  refusal_detail text,
  decided_at timestamptz,
  CHECK ((outcome IS NULL) = (decided_at IS NULL)),
  CHECK ((outcome IS NOT DISTINCT FROM 'published') = (epoch IS NOT NULL)),
  CHECK ((outcome IS NOT DISTINCT FROM 'refused') = (refusal IS NOT NULL))
);
CREATE INDEX change_waiting ON change (domain_id, id) WHERE outcome IS NULL;

CREATE FUNCTION stemma_change_decided_once() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.outcome IS NOT NULL OR NEW.id <> OLD.id OR NEW.domain_id <> OLD.domain_id OR NEW.kind <> OLD.kind
    OR NEW.body <> OLD.body OR NEW.accepted_at <> OLD.accepted_at THEN
    RAISE EXCEPTION 'Change % is already decided, or would become another change.', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER change_decided_once BEFORE UPDATE ON change
  FOR EACH ROW EXECUTE FUNCTION stemma_change_decided_once();
CREATE TRIGGER change_stays BEFORE DELETE ON change
  FOR EACH ROW EXECUTE FUNCTION stemma_refuse_change();
CREATE TRIGGER change_table_stays BEFORE TRUNCATE ON change
  FOR EACH STATEMENT EXECUTE FUNCTION stemma_refuse_change();

-- The offline-signed documents of a change of kind 'metadata'.
CREATE TABLE change_metadata (
  change_id bigint NOT NULL REFERENCES change,
  role stemma_role_name NOT NULL,
  version stemma_version NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (change_id, role, version)
);
SELECT stemma_append_only('change_metadata');

-- Public keys of the signers. A new root names one of them for timestamp, snapshot and artifacts.
CREATE TABLE online_key (
  key_id stemma_sha256 PRIMARY KEY,
  public_key jsonb NOT NULL,
  announced_at timestamptz NOT NULL DEFAULT now()
);

-- How each signer fares; the repository shows it in /metrics and readiness (the signer has no port).
CREATE TABLE signer_status (
  instance text PRIMARY KEY CHECK (length(instance) BETWEEN 1 AND 200),
  started_at timestamptz NOT NULL,
  clock timestamptz NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  publishes bigint NOT NULL DEFAULT 0,
  refused_changes bigint NOT NULL DEFAULT 0,
  failures bigint NOT NULL DEFAULT 0,
  last_publish_at timestamptz,
  last_error text,
  last_error_at timestamptz
);

-- What happened, for those who are told: written in the publishing transaction.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  domain_id integer NOT NULL REFERENCES domain,
  epoch bigint NOT NULL CHECK (epoch >= 1),
  kind text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (domain_id, epoch, kind)
);
SELECT stemma_append_only('outbox');

-- The repository accepts; it can neither publish nor decide.
SELECT stemma_grant('stemma_repository', 'SELECT, INSERT',
  'domain, head, target_file, evidence, change, change_metadata');
SELECT stemma_grant('stemma_repository', 'SELECT', 'metadata, online_key, signer_status, outbox');

-- The signer publishes and decides; it can accept nothing.
SELECT stemma_grant('stemma_signer', 'SELECT', 'domain, target_file, evidence, change, change_metadata');
SELECT stemma_grant('stemma_signer', 'SELECT, INSERT', 'metadata, outbox');
SELECT stemma_grant('stemma_signer', 'SELECT', 'head');
SELECT stemma_grant('stemma_signer',
  'UPDATE (epoch, root_version, targets_version, snapshot_version, timestamp_version, signed_at, expires_at)',
  'head');
SELECT stemma_grant('stemma_signer', 'UPDATE (outcome, epoch, refusal, refusal_detail, decided_at)', 'change');
SELECT stemma_grant('stemma_signer', 'SELECT, INSERT, UPDATE, DELETE', 'online_key, signer_status');
