/** Roles in projects: read, given, asked for. */
import { z } from 'zod';
import type { Project } from '../../crds/project.ts';
import type { Permission, UserCaller } from '../auth/access.ts';
import { userAllows } from '../auth/access.ts';
import type { Patch, ProjectView } from '../cluster/index.ts';
import { badRequest, forbidden, notFound } from '../http/errors.ts';
import { bool, text } from '../http/fields.ts';
import type { AnyRoute } from '../http/route.ts';
import { callerOf, defineRoute } from '../http/route.ts';
import { onProject, projectFound } from './projects-named.ts';
import { projectNames } from './projects-schemas.ts';

const ROLES = ['admin', 'builder'] as const;
type Role = (typeof ROLES)[number];
const STATES = ['nothing', 'request', 'approved'] as const;
type State = (typeof STATES)[number];
type Wishes = ReadonlyMap<string, Partial<Record<Role, State>>>;
type Permissions = NonNullable<Project['spec']['permissions']>;

const MAX_USERS = 200;

const get = defineRoute({
  operation: 'permissions.get',
  methods: ['GET'],
  path: '/project/permissions/get/:ownername/:projectname',
  summary: 'Who has or has asked for which role. 404 when nobody has.',
  access: { right: 'edit', on: onProject },
  params: projectNames,
  result: z.strictObject({
    permissions: z.record(z.string(), z.strictObject({ admin: z.enum(STATES), builder: z.enum(STATES) })),
  }),
  handle({ found }) {
    const { permissions = [] } = found.project.spec;
    if (permissions.length === 0) throw notFound(`No permissions are set on ${found.fullName}.`);
    const entries = permissions.map(({ user, admin = 'nothing', builder = 'nothing' }) => [user, { admin, builder }]);
    return Promise.resolve({ permissions: Object.fromEntries(entries) });
  },
});

const set = defineRoute({
  operation: 'permissions.set',
  methods: ['PUT'],
  // Clients of all ages use both.
  alsoWithoutWarning: ['POST'],
  path: '/project/permissions/set/:ownername/:projectname',
  summary: 'Gives and takes roles; all of them or, when anything is wrong, none.',
  access: { right: 'edit', on: onProject },
  params: projectNames,
  body: z.record(z.string(), z.unknown()),
  result: z.strictObject({ updated: z.array(z.string()) }),
  example: { bob: { builder: 'approved' }, eve: { admin: 'nothing' } },
  async handle({ services, found, body, signal }) {
    const wishes = parseWishes(body, found.owner);
    const names = [...wishes.keys()];
    const known = new Set(await services.db.users.known(names));
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) throw badRequest(`User ${unknown.slice(0, 100)} does not exist.`);
    let updated: string[] = [];
    await services.cluster.patchProject(
      found,
      ({ spec }) => {
        const before = spec.permissions ?? [];
        const after = withWishes(before, wishes);
        updated = names.filter((name) => !sameRoles(before, after, name));
        return updated.length === 0 ? undefined : patchOf(after, found);
      },
      signal,
    );
    return { updated };
  },
});

const request = defineRoute({
  operation: 'permissions.request',
  methods: ['PUT', 'POST'],
  path: '/project/permissions/request/:ownername/:projectname',
  summary: 'Asks for roles (true), or gives them up (false).',
  access: 'user',
  params: projectNames,
  body: z.object({ admin: bool().optional(), builder: bool().optional() }),
  result: z.strictObject({ updated: z.boolean() }),
  example: { builder: true },
  async handle(call) {
    const { services, params, body, signal } = call;
    const view = await projectFound(services, params.ownername, params.projectname, signal);
    const caller = callerOf(call);
    if (caller.kind !== 'user')
      throw forbidden('Only users can have roles; give a ServiceAccount a Role of Kubernetes.');
    if (caller.name === view.owner || caller.groups.includes(view.owner)) {
      throw badRequest(`You own ${view.fullName}, and need no role in it.`);
    }
    let updated = false;
    await services.cluster.patchProject(
      view,
      ({ spec }) => {
        const before = spec.permissions ?? [];
        const mine = before.find(({ user }) => user === caller.name);
        const wish: Partial<Record<Role, State>> = {};
        for (const role of ROLES) {
          if (body[role] === undefined) continue;
          if (body[role] && mine?.[role] === 'approved')
            throw badRequest(`You are ${role} of ${view.fullName} already.`);
          wish[role] = body[role] ? 'request' : 'nothing';
        }
        const after = withWishes(before, new Map([[caller.name, wish]]));
        updated = !sameRoles(before, after, caller.name);
        return updated ? patchOf(after, view) : undefined;
      },
      signal,
    );
    return { updated };
  },
});

const canBuildIn = defineRoute({
  operation: 'permissions.can-build-in',
  methods: ['GET'],
  path: '/project/permissions/can_build_in/:who/:ownername/:projectname',
  summary: 'May that user build in the project?',
  access: 'anyone',
  params: projectNames.extend({ who: text() }),
  result: z.strictObject({
    who: z.string(),
    ownername: z.string(),
    projectname: z.string(),
    can_build_in: z.boolean(),
  }),
  async handle({ services, params, signal }) {
    const { who, ownername, projectname } = params;
    const view = await projectFound(services, ownername, projectname, signal);
    const user = await services.db.users.byName(who);
    if (user === undefined) throw notFound(`User ${who} does not exist.`);
    const groups = (await services.db.groups.ofUser(user.id)).map((group) => `@${group}`);
    const caller: UserCaller = { kind: 'user', id: user.id, name: user.name, isAdmin: user.isAdmin, groups, login: '' };
    return { who, ownername, projectname, can_build_in: userAllows(caller, 'build', view) };
  },
});

function parseWishes(body: Readonly<Record<string, unknown>>, owner: string): Wishes {
  const wishes = new Map<string, Partial<Record<Role, State>>>();
  for (const [user, roles] of Object.entries(body)) {
    if (typeof roles !== 'object' || roles === null || Array.isArray(roles)) {
      throw badRequest(`The roles of ${user.slice(0, 100)} must be an object such as {"builder": "approved"}.`);
    }
    if (user === owner) throw badRequest(`${user} owns the project, and needs no role in it.`);
    const wish: Partial<Record<Role, State>> = {};
    for (const [role, state] of Object.entries(roles)) {
      if (!isOneOf(ROLES, role)) throw badRequest(`There is no role ${role.slice(0, 100)}; use admin or builder.`);
      if (!isOneOf(STATES, state)) {
        throw badRequest(`The state of a role must be one of ${STATES.join(', ')}; ${role} of ${user} has another.`);
      }
      wish[role] = state;
    }
    wishes.set(user, wish);
  }
  if (wishes.size === 0) throw badRequest('No permissions were given; send {"USER": {"builder": "approved"}}.');
  return wishes;
}

function isOneOf<const Word extends string>(words: readonly Word[], value: unknown): value is Word {
  return (words as readonly unknown[]).includes(value);
}

/** A user with no role left has no entry. */
function withWishes(before: Permissions, wishes: Wishes): Permissions {
  const all = new Map<string, Permission>(before.map((permission) => [permission.user, permission]));
  for (const [user, wish] of wishes) all.set(user, { ...all.get(user), user, ...wish });
  const after: Permissions = [];
  for (const { user, admin, builder } of all.values()) {
    const roles = {
      ...(admin === undefined || admin === 'nothing' ? {} : { admin }),
      ...(builder === undefined || builder === 'nothing' ? {} : { builder }),
    };
    if (Object.keys(roles).length > 0) after.push({ user, ...roles });
  }
  return after;
}

function sameRoles(before: Permissions, after: Permissions, user: string): boolean {
  const [old, now] = [before, after].map((list) => list.find((permission) => permission.user === user));
  return old?.admin === now?.admin && old?.builder === now?.builder;
}

function patchOf(permissions: Permissions, view: ProjectView): Patch {
  if (permissions.length > MAX_USERS) {
    throw badRequest(`${view.fullName} has roles of ${MAX_USERS} users already, and can have no more.`);
  }
  return { spec: { permissions: permissions.length === 0 ? null : permissions } };
}

export const permissionRoutes: readonly AnyRoute[] = [get, set, request, canBuildIn];
