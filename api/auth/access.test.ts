import { describe, expect, test } from 'vitest';
import { createRights, type Permission, type ProjectRef, type Right, type UserCaller } from './access.ts';

const rights = createRights(() => Promise.resolve(false));
const RIGHTS: readonly Right[] = ['build', 'edit', 'own'];
const STATES = [undefined, 'nothing', 'request', 'approved'] as const;

function user(name: string, extra: Partial<UserCaller> = {}): UserCaller {
  return { kind: 'user', id: 1, name, isAdmin: false, groups: [], login: 'x', ...extra };
}

function project(owner: string, permissions?: Permission[]): ProjectRef {
  return { owner, namespace: 'n', name: 'p', permissions };
}

/** Every caller × every state of both roles × every right × both kinds of owner; the expectation is written down anew. */
describe.each(['alice', '@g'])('a project of %s', (owner) => {
  const callers: [string, UserCaller, boolean][] = [
    ['the user alice', user('alice'), owner === 'alice'],
    ['a member of @g', user('bob', { groups: ['@other', '@g'] }), owner === '@g'],
    ['a stranger', user('bob'), false],
    ['a member of another group', user('bob', { groups: ['@h', '@alice', '@gg'] }), false],
    ['a user named g', user('g'), false],
    ['a site administrator', user('root', { isAdmin: true }), true],
  ];
  const cases = callers.flatMap(([who, caller, owns]) =>
    STATES.flatMap((builder) =>
      STATES.flatMap((admin) => RIGHTS.map((right) => ({ who, caller, owns, builder, admin, right }))),
    ),
  );

  test.each(cases)('$who, builder $builder, admin $admin: $right', async ({ caller, owns, builder, admin, right }) => {
    const expected =
      owns ||
      (right !== 'own' && admin === 'approved') ||
      (right === 'build' && (builder === 'approved' || admin === 'approved'));
    const target = project(owner, [
      { user: 'carol', builder: 'approved', admin: 'approved' },
      { user: caller.name, builder, admin },
    ]);
    expect(await rights.allows(caller, right, target)).toBe(expected);
    const required = rights.require(caller, right, target);
    if (expected) await required;
    else await expect(required).rejects.toMatchObject({ status: 403, message: expect.stringMatching(/^You are not/) });
  });

  test.each(callers)('%s may act for the owner only as the owner', async (_who, caller, owns) => {
    expect(await rights.mayActAs(caller, { owner, namespace: 'n' })).toBe(owns);
    const required = rights.requireActAs(caller, { owner, namespace: 'n' });
    if (owns) await required;
    else await expect(required).rejects.toMatchObject({ status: 403 });
  });
});

test('a project without permissions has none', async () => {
  for (const right of RIGHTS) expect(await rights.allows(user('bob'), right, project('alice'))).toBe(false);
});

describe('a ServiceAccount', () => {
  const caller = {
    kind: 'serviceAccount',
    name: 'system:serviceaccount:n:s',
    uid: 'u',
    groups: [],
    isAdmin: false,
  } as const;

  test.each([
    ['build', 'create', 'builds'],
    ['edit', 'update', 'projects'],
    ['own', 'delete', 'projects'],
  ] as const)('%s is %s on %s, whatever roles say', async (right, verb, resource) => {
    const asked: unknown[] = [];
    const decided = createRights((_caller, ask) => {
      asked.push(ask);
      return Promise.resolve(asked.length === 1);
    });
    const target = project('alice', [{ user: caller.name, admin: 'approved', builder: 'approved' }]);
    expect(await decided.allows(caller, right, target)).toBe(true);
    expect(await decided.allows(caller, right, target)).toBe(false);
    expect(asked[0]).toEqual({ verb, resource, namespace: 'n' });
  });

  test('creating for an owner is create on projects', async () => {
    const decided = createRights((_caller, ask) =>
      Promise.resolve(ask.verb === 'create' && ask.resource === 'projects'),
    );
    expect(await decided.mayActAs(caller, { owner: 'alice', namespace: 'n' })).toBe(true);
  });
});
