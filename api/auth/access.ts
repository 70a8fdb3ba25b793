/**
 * The one module of rights. Every route declares what it asks for as its Access; nothing else decides who may do what.
 *
 * | right | builder | project admin | personal owner, member of the owning group | site admin |
 * |---|---|---|---|---|
 * | build: submit and cancel builds, build packages | yes | yes | yes | yes |
 * | edit: packages, chroots, settings, permissions, deletion of builds | | yes | yes | yes |
 * | own: create and delete projects of the owner | | | yes | yes |
 *
 * A role counts once it is approved. A ServiceAccount has no roles: Kubernetes decides on the objects that the right
 * stands for, in the namespace of the owner.
 */
import { forbidden } from '../http/errors.ts';

export type Right = 'build' | 'edit' | 'own';

/** Somebody with an API token. */
export interface UserCaller {
  kind: 'user';
  id: number;
  name: string;
  /** Site administrator. */
  isAdmin: boolean;
  /** Groups this user is a member of, as owners are written: `@group`. */
  groups: readonly string[];
  /** The login of the token that was shown. */
  login: string;
}

/** A ServiceAccount of Kubernetes, known by TokenReview. */
export interface ServiceAccountCaller {
  kind: 'serviceAccount';
  /** `system:serviceaccount:<namespace>:<name>` */
  name: string;
  uid: string;
  /** Groups in the sense of Kubernetes. */
  groups: readonly string[];
  isAdmin: false;
}

export type Caller = UserCaller | ServiceAccountCaller;

/** An owner: a user or `@group`, and its namespace if there is one already. */
export interface OwnerRef {
  owner: string;
  namespace: string;
}

type RoleState = 'approved' | 'request' | 'nothing';

export interface Permission {
  user: string;
  builder?: RoleState | undefined;
  admin?: RoleState | undefined;
}

/** What rights are decided on. Handlers get back whatever richer object their `on` found. */
export interface ProjectRef extends OwnerRef {
  /** Name of the project in Copr's sense. */
  name: string;
  /** `Project.spec.permissions`. */
  permissions?: readonly Permission[] | undefined;
}

/**
 * `anyone`: credentials are not even looked at and `caller` is undefined. `user`: whoever authenticated; a handler that
 * finds out only later what it acts on asks `services.rights`. `admin`: site administrators.
 * With `right`, `on` finds the project from path, query and raw body before the body is validated: a project that does
 * not exist is 404 whatever else is wrong, then come form errors (400), then rights (403).
 */
export type Access<Target, Found> =
  | 'anyone'
  | 'user'
  | 'admin'
  // A method, not a function: routes of different types must fit into one list.
  | { right: Right; on(target: Target): Promise<Found & ProjectRef> };

export interface Rights {
  allows(caller: Caller, right: Right, project: ProjectRef, signal?: AbortSignal): Promise<boolean>;
  /** May this caller create projects for this owner? */
  mayActAs(caller: Caller, owner: OwnerRef, signal?: AbortSignal): Promise<boolean>;
  /** Throws 403 with a sentence. */
  require(caller: Caller, right: Right, project: ProjectRef, signal?: AbortSignal): Promise<void>;
  requireActAs(caller: Caller, owner: OwnerRef, signal?: AbortSignal): Promise<void>;
}

/** Decides for ServiceAccounts: `verb` on the resource `plural.kopr.dev` in the namespace, on the object `name` if given. */
export type ClusterDecision = (
  caller: ServiceAccountCaller,
  ask: { verb: string; resource: string; namespace: string; name?: string | undefined },
  signal?: AbortSignal,
) => Promise<boolean>;

const ASKS: Record<Right, { verb: string; resource: string }> = {
  build: { verb: 'create', resource: 'builds' },
  edit: { verb: 'update', resource: 'projects' },
  own: { verb: 'delete', resource: 'projects' },
};

const DEEDS: Record<Right, (project: ProjectRef) => string> = {
  build: ({ owner, name }) => `build in ${owner}/${name}; ask its admins for the role of a builder`,
  edit: ({ owner, name }) => `change ${owner}/${name}; ask its admins for the role of an admin`,
  own: ({ owner, name }) => `delete ${owner}/${name}; only ${ownerWords(owner)} may`,
};

function ownerWords(owner: string): string {
  return owner.startsWith('@') ? `members of ${owner}` : owner;
}

export function createRights(decide: ClusterDecision): Rights {
  async function allows(caller: Caller, right: Right, project: ProjectRef, signal?: AbortSignal): Promise<boolean> {
    if (caller.kind === 'user') return userAllows(caller, right, project);
    return decide(caller, { ...ASKS[right], namespace: project.namespace }, signal);
  }
  async function mayActAs(caller: Caller, owner: OwnerRef, signal?: AbortSignal): Promise<boolean> {
    if (caller.kind === 'user') return isOwner(caller, owner.owner);
    return decide(caller, { verb: 'create', resource: 'projects', namespace: owner.namespace }, signal);
  }
  return {
    allows,
    mayActAs,
    async require(caller, right, project, signal) {
      if (await allows(caller, right, project, signal)) return;
      throw forbidden(`You are not allowed to ${DEEDS[right](project)}.`);
    },
    async requireActAs(caller, owner, signal) {
      if (await mayActAs(caller, owner, signal)) return;
      throw forbidden(
        `You are not allowed to create projects for ${owner.owner}; only ${ownerWords(owner.owner)} may.`,
      );
    },
  };
}

/** Pure: the table above for somebody with an API token. */
export function userAllows(caller: UserCaller, right: Right, project: ProjectRef): boolean {
  if (isOwner(caller, project.owner)) return true;
  if (right === 'own') return false;
  const own = project.permissions?.find((permission) => permission.user === caller.name);
  if (own?.admin === 'approved') return true;
  return right === 'build' && own?.builder === 'approved';
}

function isOwner(caller: UserCaller, owner: string): boolean {
  return caller.isAdmin || caller.name === owner || caller.groups.includes(owner);
}
