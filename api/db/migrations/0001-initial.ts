import type { Migration } from './index.ts';

/**
 * Builds carry all that a list shows, so that a page is one read of one index. `monitor` is what DISTINCT ON over the
 * chroots of all builds would give, kept up to date with each build: a page of the monitor must not read the history.
 */
export const initial: Migration = {
  version: 1,
  name: 'initial',
  sql: `
CREATE TABLE users (
  id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  is_admin bool NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tokens (
  id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id int8 NOT NULL REFERENCES users ON DELETE CASCADE,
  login text NOT NULL UNIQUE,
  token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
  description text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX tokens_of_user ON tokens (user_id);

CREATE TABLE groups (
  id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
  user_id int8 NOT NULL REFERENCES users ON DELETE CASCADE,
  group_id int8 NOT NULL REFERENCES groups ON DELETE CASCADE,
  PRIMARY KEY (user_id, group_id)
);
CREATE INDEX memberships_of_group ON memberships (group_id);

CREATE TABLE projects (
  uid text PRIMARY KEY,
  id int8,
  owner text NOT NULL,
  name text NOT NULL,
  namespace text NOT NULL,
  object_name text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);

CREATE TABLE builds (
  id int8 PRIMARY KEY,
  project_uid text NOT NULL REFERENCES projects,
  object_name text NOT NULL,
  uid text NOT NULL,
  dirname text NOT NULL,
  package text,
  version text,
  state text NOT NULL,
  reason text,
  submitted_on int8 NOT NULL,
  started_on int8,
  ended_on int8,
  submitter text,
  is_background bool NOT NULL,
  chroots text[] NOT NULL,
  srpm_url text,
  spec jsonb NOT NULL,
  archived_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX builds_of_project ON builds (project_uid, id);
CREATE INDEX builds_of_package ON builds (project_uid, package, id);
CREATE INDEX builds_by_state ON builds (project_uid, state, id);
CREATE INDEX builds_of_directory ON builds (project_uid, dirname, id);
CREATE INDEX builds_of_package_in_directory ON builds (project_uid, dirname, package, id);
CREATE INDEX builds_of_package_succeeded ON builds (project_uid, package, id) WHERE state = 'succeeded';

CREATE TABLE build_chroots (
  build_id int8 NOT NULL REFERENCES builds ON DELETE CASCADE,
  chroot text NOT NULL,
  state text NOT NULL,
  reason text,
  message text,
  started_on int8,
  ended_on int8,
  results_url text,
  log_url text,
  PRIMARY KEY (build_id, chroot)
);

CREATE TABLE build_packages (
  build_id int8 NOT NULL,
  chroot text NOT NULL,
  name text NOT NULL,
  epoch int8 NOT NULL,
  version text NOT NULL,
  release text NOT NULL,
  arch text NOT NULL,
  PRIMARY KEY (build_id, chroot, name, arch, version, release, epoch),
  FOREIGN KEY (build_id, chroot) REFERENCES build_chroots ON DELETE CASCADE
);

CREATE TABLE packages (
  id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_uid text NOT NULL REFERENCES projects,
  name text NOT NULL,
  declared bool NOT NULL,
  declared_at timestamptz NOT NULL DEFAULT now(),
  first_source jsonb,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (project_uid, name)
);
CREATE INDEX packages_declared ON packages (declared_at) WHERE declared;

CREATE TABLE monitor (
  project_uid text NOT NULL REFERENCES projects,
  dirname text NOT NULL,
  package text NOT NULL,
  chroot text NOT NULL,
  build_id int8 NOT NULL REFERENCES builds ON DELETE CASCADE,
  state text NOT NULL,
  version text,
  results_url text,
  PRIMARY KEY (project_uid, dirname, package, chroot)
);
CREATE INDEX monitor_of_build ON monitor (build_id);

CREATE TABLE counters (
  name text NOT NULL,
  key text NOT NULL,
  value int8 NOT NULL,
  PRIMARY KEY (name, key)
);
`,
};
