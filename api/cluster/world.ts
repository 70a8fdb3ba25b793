/**
 * The cluster as the rest of the API sees it. Look-ups are synchronous, from caches together with what this replica has
 * written and they do not show yet, so that every caller reads its own writes here. What they return is frozen.
 * Objects that are being deleted, and those whose number is not known yet, are not there.
 */
import type { Build } from '../../crds/build.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Package } from '../../crds/package.ts';
import type { Project } from '../../crds/project.ts';
import type { Removal } from '../../crds/removal.ts';
import type { OwnerRef, ProjectRef } from '../auth/access.ts';

/** A Project with what is derived from it and its namespace. The same object until one of these changes. */
export interface ProjectView extends ProjectRef {
  project: Project;
  /** metadata.uid of the Project: what the history calls a project by. */
  uid: string;
  id: number;
  /** `owner/name` */
  fullName: string;
}

export interface ProjectLookups {
  project(owner: string, name: string): ProjectView | undefined;
  /** By the name of its object. */
  projectByObject(namespace: string, objectName: string): ProjectView | undefined;
  /** Of one owner, by number. */
  projectsOf(owner: string): readonly ProjectView[];
  /** All, by number. */
  projects(): readonly ProjectView[];
  /** Whose projects live in that namespace. */
  ownerOf(namespace: string): string | undefined;
  /** The namespace that an owner has. */
  namespaceOf(owner: string): string | undefined;
}

export interface BuildLookups {
  /** Newest first. */
  buildsOf(project: ProjectView): readonly Build[];
  build(number: number): Build | undefined;
  /**
   * Asks the API server itself: for a Build that another replica made a moment ago. It costs a list; call it only when
   * neither build() nor the history has that number.
   */
  findBuild(number: number, signal: AbortSignal): Promise<Build | undefined>;
  projectOf(build: Build | Package): ProjectView | undefined;
  /** The source stage and those of the chroots, in no particular order. */
  chrootBuildsOf(build: Build): readonly ChrootBuild[];
  /** Stages of all Builds of a project, in no particular order. */
  chrootBuildsOfProject(project: ProjectView): readonly ChrootBuild[];
  /** Every Build of a batch, of all namespaces. */
  batch(number: number): readonly Build[];
}

export interface LiveLookups {
  /** As project(); what is not there is asked of the API server: another replica may have made it a moment ago. */
  findProject(owner: string, name: string, signal: AbortSignal): Promise<ProjectView | undefined>;
}

export interface OtherLookups {
  /** By name. */
  packagesOf(project: ProjectView): readonly Package[];
  package(project: ProjectView, name: string): Package | undefined;
  /** For searches: the names of a project's packages in small letters, by namespace/object. Projects without are not in it. */
  packageNames(): ReadonlyMap<string, readonly string[]>;
  /** All, by name. */
  chroots(): readonly Chroot[];
  chroot(name: string): Chroot | undefined;
  /** Counts the changes of Chroots: what was made from them is good while it stays the same. */
  chrootRevision(): number;
  /**
   * Is a Removal of this build of the project under way, or done? Then it is not there any more, whatever still has it.
   * Look-ups of Builds leave it out already; what the history says must be asked without these.
   */
  isBeingRemoved(project: Pick<ProjectView, 'namespace' | 'project'>, number: number): boolean;
  /** Numbers of the builds of a project for which that is so. */
  removed(project: ProjectView): readonly number[];
}

/** A merge patch (RFC 7386): null removes a member, lists are replaced as a whole. */
export interface Patch {
  metadata?: { annotations?: Record<string, string | null> };
  spec?: Record<string, unknown>;
}

export interface NewProject extends OwnerRef {
  /** In the sense of Copr. */
  name: string;
  /** Without its name. */
  spec: Omit<Project['spec'], 'name'>;
}

export interface NewBuild {
  project: ProjectView;
  /** Without its project. */
  spec: Omit<Build['spec'], 'project'>;
  /** Who submits it: the name of a user or ServiceAccount. */
  submitter: string | undefined;
}

export interface NewPackage {
  project: ProjectView;
  name: string;
  /** Without its name and project. */
  spec: Omit<Package['spec'], 'name' | 'project'>;
}

/**
 * Every write throws an ApiError that a user can act on: 400 for what the schema or a policy refuses, 403 for a quota,
 * 404 for what is gone, 409 for what is taken or changes too often, 503 when the API server is away.
 */
export interface Writes {
  /** 400 with "You already have a project named" when the name is taken. Waits up to 30 s for one that is being deleted. */
  createProject(draft: NewProject, signal: AbortSignal): Promise<ProjectView>;
  /**
   * `change` gets the newest state and is asked again when somebody else was faster; undefined: nothing to change.
   * What it throws ends the attempt.
   */
  patchProject(
    project: ProjectView,
    change: (current: Project) => Patch | undefined,
    signal: AbortSignal,
  ): Promise<ProjectView>;
  deleteProject(project: ProjectView, signal: AbortSignal): Promise<void>;
  createBuild(draft: NewBuild, signal: AbortSignal): Promise<Build>;
  /** Harmless when it has ended. */
  cancelBuild(build: Build, signal: AbortSignal): Promise<Build>;
  /** 409 when it exists. */
  createPackage(draft: NewPackage, signal: AbortSignal): Promise<Package>;
  patchPackage(pkg: Package, change: (current: Package) => Patch | undefined, signal: AbortSignal): Promise<Package>;
  deletePackage(pkg: Package, signal: AbortSignal): Promise<void>;
  /** Any number of builds of one project; they count as removed from then on. */
  removeBuilds(project: ProjectView, numbers: readonly number[], signal: AbortSignal): Promise<readonly Removal[]>;
}

export interface OwnerNamespaces {
  /** The namespace of an owner; made from the template if there is none. Throws ApiError 400 for names that are reserved. */
  ensure(owner: string, options: { adopt?: boolean | undefined; signal?: AbortSignal | undefined }): Promise<string>;
  /** Why a user or `@group` cannot have this name; undefined when it can. Asks caches only. */
  problem(owner: string, options?: { adopt?: boolean | undefined }): string | undefined;
}

export interface ClusterWorld extends ProjectLookups, LiveLookups, BuildLookups, OtherLookups, Writes {
  owners: OwnerNamespaces;
}
