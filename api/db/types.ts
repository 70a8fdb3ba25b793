/**
 * What the database holds, as the API reads it. Times of builds are whole seconds since the epoch, as legacy clients get
 * them; times of accounts are milliseconds, as a Clock gives them. `null` means: not known, or none.
 */
import type { CoprState, Source } from '../../crds/common.ts';
import type { Nevra } from '../../lib/rpm/nevra.ts';

export interface UserRow {
  id: number;
  name: string;
  isAdmin: boolean;
  createdAt: number;
}

/** Whose token it is, with all that the rights of a request depend on. */
export interface TokenHolder {
  tokenID: number;
  /** SHA-256 of the secret half of the token. */
  hash: Buffer;
  expiresAt: number;
  revokedAt: number | null;
  user: { id: number; name: string; isAdmin: boolean };
  /** Names of groups without "@". */
  groups: string[];
}

export interface TokenRow {
  id: number;
  login: string;
  description: string;
  createdAt: number;
  expiresAt: number;
  revokedAt: number | null;
}

export interface NewToken {
  userID: number;
  login: string;
  hash: Buffer;
  description: string;
  expiresAt: number;
}

export interface GroupRow {
  id: number;
  name: string;
  members: string[];
}

export interface ProjectRow {
  /** metadata.uid of the Project. */
  uid: string;
  /** Number of the project; null until it is known. */
  id: number | null;
  /** As in URLs: a user, or a group with "@". */
  owner: string;
  /** In the sense of Copr; `objectName` is metadata.name. */
  name: string;
  namespace: string;
  objectName: string;
}

/** A build that has ended: what a list shows of it, without a look at any other table. */
export interface BuildRow {
  id: number;
  projectUID: string;
  /** metadata.name and metadata.uid of the Build. */
  objectName: string;
  uid: string;
  dirname: string;
  package: string | null;
  /** Version and release, with an epoch that is not 0. */
  version: string | null;
  state: CoprState;
  reason: string | null;
  submittedOn: number;
  startedOn: number | null;
  endedOn: number | null;
  submitter: string | null;
  isBackground: boolean;
  /** Names of the chroots it was built in, in the order of the Build. */
  chroots: string[];
  /** Address of the SRPM; null when there is none. */
  srpmURL: string | null;
}

/** One build, as GET /build/N needs it. */
export interface BuildDetail extends BuildRow {
  project: ProjectRow;
  /** The spec of the Build object as it was. */
  spec: Record<string, unknown>;
}

export interface ChrootRow {
  build: number;
  /** Name of the chroot; srpm-builds for the source stage. */
  name: string;
  state: CoprState;
  reason: string | null;
  message: string | null;
  startedOn: number | null;
  endedOn: number | null;
  resultsURL: string | null;
  logURL: string | null;
}

export interface PackageRow {
  id: number;
  projectUID: string;
  name: string;
  /** Source of the build through which it was first seen; null for one that came as a Package object. */
  firstSource: Source | null;
  /** A Package object was there when the row was last written. */
  declared: boolean;
}

export interface PackageWithBuilds extends PackageRow {
  latest: BuildRow | null;
  latestSucceeded: BuildRow | null;
}

/** The newest build (highest number) of a package in one chroot of one directory. */
export interface MonitorRow {
  package: string;
  chroot: string;
  build: number;
  state: CoprState;
  version: string | null;
  resultsURL: string | null;
}

/** All that is recorded of one ended Build. */
export interface RecordedBuild {
  project: ProjectRow;
  build: Omit<BuildRow, 'projectUID'>;
  spec: Record<string, unknown>;
  /** Source of the package, for one first seen through this build. */
  source: Source | null;
  chroots: RecordedChroot[];
}

export interface RecordedChroot extends Omit<ChrootRow, 'build'> {
  packages: Nevra[];
}

/** One page of a list. */
export interface Page {
  limit: number;
  offset: number;
}
