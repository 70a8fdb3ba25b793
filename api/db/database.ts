/**
 * PostgreSQL as the rest of the API sees it. Every call is one or two statements with a deadline; every call throws
 * DatabaseAway (errors.ts) when the database cannot be asked now, which the API answers with 503.
 *
 * Read the caches of the cluster FIRST, then ask here with the numbers found there in `excluding`: a build moves from
 * the cluster to the database and never back, so that in this order none is missed and none shown twice.
 */
import type { Nevra } from '../../lib/rpm/nevra.ts';
import type {
  BuildDetail,
  BuildRow,
  ChrootRow,
  GroupRow,
  MonitorRow,
  NewToken,
  PackageRow,
  PackageWithBuilds,
  Page,
  ProjectRow,
  RecordedBuild,
  TokenHolder,
  TokenRow,
  UserRow,
} from './types.ts';

export type * from './types.ts';

export interface Database {
  users: UserQueries;
  tokens: TokenQueries;
  groups: GroupQueries;
  projects: ProjectQueries;
  builds: BuildQueries;
  packages: PackageQueries;
  monitor: MonitorQueries;
  counters: CounterQueries;
  /** Why it cannot be asked now, in one sentence; undefined when it can. Asks nothing. */
  problem(): string | undefined;
  /** Resolves when the schema is in place. Rejects with the signal's reason, or when the schema is a newer kopr's. */
  whenReady(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface UserQueries {
  byName(name: string): Promise<UserRow | undefined>;
  /** In the order of their names. */
  list(): Promise<UserRow[]>;
  /** False when the name is taken. */
  add(name: string, options: { isAdmin: boolean }): Promise<boolean>;
  /** False when there is no such user. */
  setAdmin(name: string, isAdmin: boolean): Promise<boolean>;
  /** With tokens and memberships. False when there is no such user. */
  remove(name: string): Promise<boolean>;
  /** Names of these that are users. */
  known(names: readonly string[]): Promise<string[]>;
}

export interface TokenQueries {
  /** By the public half. Expired and revoked ones too: the caller judges. */
  byLogin(login: string): Promise<TokenHolder | undefined>;
  add(token: NewToken): Promise<TokenRow>;
  /** Adds one and revokes another in one step (`copr-cli new-api-token`). */
  replace(tokenID: number, token: NewToken): Promise<TokenRow>;
  /** Newest first. */
  ofUser(userID: number): Promise<TokenRow[]>;
  /** False when there is none that is not revoked. */
  revoke(login: string): Promise<boolean>;
}

export interface GroupQueries {
  /** By name without "@". */
  byName(name: string): Promise<GroupRow | undefined>;
  list(): Promise<GroupRow[]>;
  /** Names of the groups of a user, without "@". */
  ofUser(userID: number): Promise<string[]>;
  /** False when the name is taken. */
  add(name: string): Promise<boolean>;
  remove(name: string): Promise<boolean>;
  /** False when group or user is not there. Repeating it is no error. */
  addMember(group: string, user: string): Promise<boolean>;
  /** False when there was no such member. */
  removeMember(group: string, user: string): Promise<boolean>;
}

export interface ProjectQueries {
  /** Adds or updates the row of a Project. */
  put(project: ProjectRow): Promise<void>;
  byUID(uid: string): Promise<ProjectRow | undefined>;
  /** All that are not deleted; for the archiver. */
  list(): Promise<ProjectRow[]>;
  /** Rows of the project and of all that belongs to it. May be repeated. */
  remove(uid: string): Promise<void>;
}

export interface BuildFilter {
  project: string;
  package?: string;
  status?: string;
  dirname?: string;
  /** Only numbers below this one. */
  before?: number;
  /** Numbers that the cluster has, or that are being removed. */
  excluding?: readonly number[];
}

export interface BuildQueries {
  /** Newest first. `project` of the filter is the uid of the Project. */
  list(filter: BuildFilter, page: Page): Promise<BuildRow[]>;
  /** How many `list` would give without a page. */
  count(filter: BuildFilter): Promise<number>;
  get(id: number): Promise<BuildDetail | undefined>;
  /** In no particular order; numbers that are not there are left out. */
  byNumbers(ids: readonly number[]): Promise<BuildDetail[]>;
  /** The stages of a build: the source stage first, then the chroots by name. */
  chroots(id: number): Promise<ChrootRow[]>;
  /** Packages of each stage that has some, by the name of the chroot. */
  nevras(id: number): Promise<Map<string, Nevra[]>>;
  /**
   * Records a build with all that belongs to it, in one transaction. False when it was there already; throws when its
   * number is that of another Build.
   */
  record(build: RecordedBuild): Promise<boolean>;
  /** Numbers of these that are recorded. */
  recorded(ids: readonly number[]): Promise<number[]>;
  /** Deletes rows of builds of one project; the monitor then shows what was before them. Returns how many there were. */
  remove(projectUID: string, ids: readonly number[]): Promise<number>;
}

export interface PackageFilter {
  project: string;
  /** Directory whose builds count as the latest; default: all. */
  dirname?: string;
  /** Only packages whose names come after this one. */
  after?: string;
  /** Builds that do not count: those being removed. */
  excluding?: readonly number[];
}

export interface NewPackage {
  projectUID: string;
  name: string;
  /** From a Package object? */
  declared: boolean;
  /** Source of the build it was seen through. */
  firstSource: NonNullable<PackageRow['firstSource']> | null;
}

export interface PackageQueries {
  /** In the order of their names. */
  list(project: string, page: Page): Promise<PackageRow[]>;
  /** The same with the newest build and the newest that succeeded, as far as they are recorded here. */
  listWithBuilds(filter: PackageFilter, page: Page): Promise<PackageWithBuilds[]>;
  count(project: string): Promise<number>;
  get(project: string, name: string): Promise<PackageRow | undefined>;
  getWithBuilds(filter: PackageFilter, name: string): Promise<PackageWithBuilds | undefined>;
  /** The row of a package, made when it is not there. The project's row must be there. `created` tells which it was. */
  ensure(pkg: NewPackage): Promise<PackageRow & { created: boolean }>;
  /** The same for many that were seen through builds or objects, without answers. */
  ensureAll(packages: readonly NewPackage[]): Promise<void>;
  /** False when there was none. Builds stay. */
  remove(project: string, name: string): Promise<boolean>;
  /** Rows that came from a Package object and are older than a minute; for the archiver. */
  declared(): Promise<PackageRow[]>;
  /** The object is gone: so is the row, unless `keep` is set or the package has builds. */
  undeclare(id: number, keep: boolean): Promise<void>;
  /** Numbers of all recorded builds of a package. */
  builds(project: string, name: string): Promise<number[]>;
}

export interface MonitorQueries {
  /** By name of package and chroot; recorded builds only, without those in `excluding`. */
  rows(project: string, dirname: string, excluding?: readonly number[]): Promise<MonitorRow[]>;
}

export interface Increment {
  /** What is counted, such as "download". */
  name: string;
  /** Of what, such as a project's uid. */
  key: string;
  by: number;
}

export interface CounterQueries {
  /** All in one statement. Collect them first: counterBatch.ts. */
  increment(increments: readonly Increment[]): Promise<void>;
  get(name: string, keys: readonly string[]): Promise<Map<string, number>>;
}
