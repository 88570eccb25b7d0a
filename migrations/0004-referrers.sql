-- The façade of a registry: evidence as OCI manifests that refer to their artifact. Nothing here is a source of truth. All of
-- it follows from published records and stored evidence, and it is kept so that a manifest is found again by its digest
-- and a list is made without reading the evidence. Rows are written when evidence is first listed, so only published
-- evidence ever has one.

-- One manifest for each item of evidence of an artifact. The first one stays, whatever later versions would write.
CREATE TABLE referrer (
  domain_id integer NOT NULL REFERENCES domain,
  sha256 stemma_sha256 NOT NULL CHECK (sha256 = encode(sha256(manifest), 'hex')),
  subject text NOT NULL CHECK (subject ~ '^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$'),
  evidence_sha256 stemma_sha256 NOT NULL,
  manifest bytea NOT NULL CHECK (octet_length(manifest) <= 65536),
  PRIMARY KEY (domain_id, sha256),
  UNIQUE (domain_id, subject, evidence_sha256),
  FOREIGN KEY (domain_id, evidence_sha256) REFERENCES evidence
);
-- Whether a blob may be handed out: evidence that is not published yet is in no manifest.
CREATE INDEX referrer_evidence ON referrer (domain_id, evidence_sha256);
SELECT stemma_append_only('referrer');

-- Whose list had this digest. The list itself is made anew, and is given out by this digest for as long as it still has it.
CREATE TABLE referrer_list (
  domain_id integer NOT NULL REFERENCES domain,
  sha256 stemma_sha256 NOT NULL,
  subject text NOT NULL CHECK (subject ~ '^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$'),
  PRIMARY KEY (domain_id, sha256)
);
SELECT stemma_append_only('referrer_list');

SELECT stemma_grant('stemma_repository', 'SELECT, INSERT', 'referrer, referrer_list');
