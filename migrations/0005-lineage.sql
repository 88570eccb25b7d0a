-- Lineage: what rests on what, for questions that begin at the other end. Only what a verdict has shown enters, and what it
-- showed once is never taken out: a revocation denies an artifact, and does not undo that it was built upon another.

-- Something that artifacts rest on: an artifact, a functionary (a public key or a Sigstore identity, by its fingerprint), the
-- holder of a certificate by name, or a piece of evidence.
CREATE TABLE lineage_node (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  domain_id integer NOT NULL REFERENCES domain,
  kind text NOT NULL CHECK (kind IN ('artifact', 'functionary', 'certificate', 'evidence')),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 2048),
  UNIQUE (domain_id, kind, name)
);
SELECT stemma_append_only('lineage_node');

-- One artifact rests on something, directly.
CREATE TABLE lineage_edge (
  descendant_id bigint NOT NULL REFERENCES lineage_node,
  ancestor_id bigint NOT NULL REFERENCES lineage_node,
  relation text NOT NULL CHECK (relation IN ('base', 'platform', 'index', 'dependency', 'step', 'layout', 'evidence')),
  -- How sure it is; of evidence and of whoever signed it there is nothing to grade.
  grade text CHECK (grade IN ('claimed', 'contained', 'proven')),
  noted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (descendant_id, ancestor_id, relation),
  CHECK ((grade IS NULL) = (relation IN ('step', 'layout', 'evidence'))),
  CHECK (descendant_id <> ancestor_id)
);

-- A grade only ever gets better, and nothing else changes.
CREATE FUNCTION stemma_lineage_grade_grows() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.descendant_id, NEW.ancestor_id, NEW.relation, NEW.noted_at)
      IS DISTINCT FROM (OLD.descendant_id, OLD.ancestor_id, OLD.relation, OLD.noted_at)
    OR array_position(ARRAY['claimed', 'contained', 'proven'], NEW.grade)
      <= array_position(ARRAY['claimed', 'contained', 'proven'], OLD.grade) THEN
    RAISE EXCEPTION 'An edge of lineage only gets a better grade.' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER lineage_grade_grows BEFORE UPDATE ON lineage_edge
  FOR EACH ROW EXECUTE FUNCTION stemma_lineage_grade_grows();
CREATE TRIGGER lineage_edge_stays BEFORE DELETE ON lineage_edge
  FOR EACH ROW EXECUTE FUNCTION stemma_refuse_change();
CREATE TRIGGER lineage_edge_table_stays BEFORE TRUNCATE ON lineage_edge
  FOR EACH STATEMENT EXECUTE FUNCTION stemma_refuse_change();

-- Everything that is reached over edges, each node from itself too. Kept when an edge is added, so that a page of descendants
-- costs a page, whatever lies between and however many there are.
CREATE TABLE lineage_reach (
  ancestor_id bigint NOT NULL REFERENCES lineage_node,
  descendant_id bigint NOT NULL REFERENCES lineage_node,
  PRIMARY KEY (ancestor_id, descendant_id)
);
CREATE INDEX lineage_reach_back ON lineage_reach (descendant_id, ancestor_id);
SELECT stemma_append_only('lineage_reach');

-- How far the published records of a domain are followed: all up to this epoch, and in it up to this change.
CREATE TABLE lineage_cursor (
  domain_id integer PRIMARY KEY REFERENCES domain,
  epoch bigint NOT NULL DEFAULT 0,
  change_id bigint NOT NULL DEFAULT 0
);
CREATE INDEX change_published_record ON change (domain_id, epoch, id)
  WHERE outcome = 'published' AND kind = 'record';

SELECT stemma_grant('stemma_repository', 'SELECT, INSERT', 'lineage_node, lineage_edge, lineage_reach, lineage_cursor');
SELECT stemma_grant('stemma_repository', 'UPDATE (grade)', 'lineage_edge');
SELECT stemma_grant('stemma_repository', 'UPDATE (epoch, change_id)', 'lineage_cursor');
