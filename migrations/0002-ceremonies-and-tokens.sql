-- Ceremonies: new versions of offline roles that collect signatures until every threshold is met; and the
-- API tokens of the few operations that no signature covers.

-- One ceremony. The domain may not exist yet: a new domain begins with one.
CREATE TABLE ceremony (
  id uuid PRIMARY KEY,
  domain_name text NOT NULL CHECK (domain_name ~ '^[a-z][a-z0-9-]{0,62}$'),
  creates_domain boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
  -- The change that the finished ceremony became.
  change_id bigint REFERENCES change
);
CREATE INDEX ceremony_of_domain ON ceremony (domain_name, created_at DESC);

CREATE FUNCTION stemma_ceremony_finished_once() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.change_id IS NOT NULL OR (NEW.id, NEW.domain_name, NEW.creates_domain, NEW.created_at, NEW.expires_at)
    IS DISTINCT FROM (OLD.id, OLD.domain_name, OLD.creates_domain, OLD.created_at, OLD.expires_at) THEN
    RAISE EXCEPTION 'Ceremony % is finished, or would become another ceremony.', OLD.id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER ceremony_finished_once BEFORE UPDATE ON ceremony
  FOR EACH ROW EXECUTE FUNCTION stemma_ceremony_finished_once();
CREATE TRIGGER ceremony_stays BEFORE DELETE ON ceremony
  FOR EACH ROW EXECUTE FUNCTION stemma_refuse_change();
CREATE TRIGGER ceremony_table_stays BEFORE TRUNCATE ON ceremony
  FOR EACH STATEMENT EXECUTE FUNCTION stemma_refuse_change();

-- What is to be signed: the document as it was first uploaded. Its signatures are those of ceremony_signature.
CREATE TABLE ceremony_role (
  ceremony_id uuid NOT NULL REFERENCES ceremony,
  role stemma_role_name NOT NULL,
  version stemma_version NOT NULL,
  document bytea NOT NULL,
  PRIMARY KEY (ceremony_id, role)
);
SELECT stemma_append_only('ceremony_role');

-- Signatures, verified before they are stored. The first one of a key stays.
CREATE TABLE ceremony_signature (
  ceremony_id uuid NOT NULL,
  role stemma_role_name NOT NULL,
  key_id text NOT NULL CHECK (length(key_id) BETWEEN 1 AND 256),
  signature bytea NOT NULL CHECK (length(signature) BETWEEN 1 AND 2048),
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (ceremony_id, role, key_id),
  FOREIGN KEY (ceremony_id, role) REFERENCES ceremony_role
);
SELECT stemma_append_only('ceremony_signature');

-- Target files that the documents name.
CREATE TABLE ceremony_file (
  ceremony_id uuid NOT NULL REFERENCES ceremony,
  sha256 stemma_sha256 NOT NULL CHECK (sha256 = encode(sha256(bytes), 'hex')),
  bytes bytea NOT NULL,
  PRIMARY KEY (ceremony_id, sha256)
);
SELECT stemma_append_only('ceremony_file');

-- API tokens. Only the hash is here: whoever reads this table cannot use one.
CREATE TABLE api_token (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
  scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);

SELECT stemma_grant('stemma_repository', 'SELECT, INSERT',
  'ceremony, ceremony_role, ceremony_signature, ceremony_file');
SELECT stemma_grant('stemma_repository', 'UPDATE (change_id)', 'ceremony');
-- The service checks tokens; it can neither make one nor widen one.
SELECT stemma_grant('stemma_repository', 'SELECT', 'api_token');
SELECT stemma_grant('stemma_repository', 'UPDATE (last_used_at)', 'api_token');
