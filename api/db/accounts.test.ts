import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, NewToken } from './database.ts';
import { openTestDatabase } from './testing/open.ts';
import type { TestPostgres } from './testing/postgres.ts';
import { startPostgres } from './testing/postgres.ts';

let postgres: TestPostgres;
let db: Database;

beforeAll(async () => {
  postgres = await startPostgres();
  db = await openTestDatabase(await postgres.createDatabase());
});

afterAll(async () => {
  await db?.close();
  await postgres?.stop();
});

async function user(name: string): Promise<number> {
  expect(await db.users.add(name, { isAdmin: false })).toBe(true);
  return (await db.users.byName(name))?.id as number;
}

function token(userID: number, login: string, more: Partial<NewToken> = {}): NewToken {
  return { userID, login, hash: Buffer.alloc(32, 7), description: 'laptop', expiresAt: 2_000_000_000_123, ...more };
}

describe('users', () => {
  it('have a name only once', async () => {
    await user('once');
    expect(await db.users.add('once', { isAdmin: true })).toBe(false);
    expect(await db.users.byName('once')).toMatchObject({ name: 'once', isAdmin: false });
    expect(await db.users.byName('never')).toBeUndefined();
  });

  it('become administrators, and known are those that exist', async () => {
    await user('boss');
    expect(await db.users.setAdmin('boss', true)).toBe(true);
    expect(await db.users.setAdmin('nobody', true)).toBe(false);
    expect((await db.users.byName('boss'))?.isAdmin).toBe(true);
    expect(await db.users.known(['boss', 'nobody'])).toEqual(['boss']);
    expect((await db.users.list()).map(({ name }) => name)).toContain('boss');
  });

  it('take their tokens and memberships with them', async () => {
    const id = await user('leaver');
    await db.tokens.add(token(id, 'leaver-login'));
    await db.groups.add('leavers');
    await db.groups.addMember('leavers', 'leaver');
    expect(await db.users.remove('leaver')).toBe(true);
    expect(await db.users.remove('leaver')).toBe(false);
    expect(await db.tokens.byLogin('leaver-login')).toBeUndefined();
    expect((await db.groups.byName('leavers'))?.members).toEqual([]);
  });
});

describe('tokens', () => {
  it('tell whose they are, with groups and times', async () => {
    const id = await user('holder');
    for (const group of ['zeta', 'alpha']) {
      await db.groups.add(group);
      await db.groups.addMember(group, 'holder');
    }
    const added = await db.tokens.add(token(id, 'login1'));
    expect(added).toMatchObject({
      login: 'login1',
      description: 'laptop',
      expiresAt: 2_000_000_000_123,
      revokedAt: null,
    });
    expect(await db.tokens.byLogin('login1')).toEqual({
      tokenID: added.id,
      hash: Buffer.alloc(32, 7),
      expiresAt: 2_000_000_000_123,
      revokedAt: null,
      user: { id, name: 'holder', isAdmin: false },
      groups: ['alpha', 'zeta'],
    });
    expect(await db.tokens.byLogin('login2')).toBeUndefined();
  });

  it('are revoked once, and still known', async () => {
    await db.tokens.add(token(await user('revoker'), 'gone'));
    expect(await db.tokens.revoke('gone')).toBe(true);
    expect(await db.tokens.revoke('gone')).toBe(false);
    expect((await db.tokens.byLogin('gone'))?.revokedAt).toBeGreaterThan(0);
  });

  it('replace one another in one step', async () => {
    const id = await user('renewer');
    const old = await db.tokens.add(token(id, 'old'));
    await expect(db.tokens.replace(old.id, token(id, 'old'))).rejects.toThrow('duplicate');
    expect((await db.tokens.byLogin('old'))?.revokedAt).toBeNull();
    const fresh = await db.tokens.replace(old.id, token(id, 'fresh'));
    expect((await db.tokens.byLogin('old'))?.revokedAt).not.toBeNull();
    expect((await db.tokens.ofUser(id)).map(({ login }) => login)).toEqual(['fresh', 'old']);
    expect(fresh.revokedAt).toBeNull();
  });

  it('are never kept but as a digest of 32 bytes', async () => {
    const id = await user('plain');
    await expect(db.tokens.add(token(id, 'plain', { hash: Buffer.from('secret') }))).rejects.toThrow('check');
  });
});

describe('groups', () => {
  it('have members, each once', async () => {
    const id = await user('member');
    expect(await db.groups.add('team')).toBe(true);
    expect(await db.groups.add('team')).toBe(false);
    expect(await db.groups.addMember('team', 'member')).toBe(true);
    expect(await db.groups.addMember('team', 'member')).toBe(true);
    expect(await db.groups.addMember('team', 'stranger')).toBe(false);
    expect(await db.groups.byName('team')).toMatchObject({ name: 'team', members: ['member'] });
    expect(await db.groups.ofUser(id)).toEqual(['team']);
    expect(await db.groups.removeMember('team', 'member')).toBe(true);
    expect(await db.groups.removeMember('team', 'member')).toBe(false);
    expect(await db.groups.remove('team')).toBe(true);
    expect(await db.groups.remove('team')).toBe(false);
  });
});

describe('counters', () => {
  it('sum up', async () => {
    await db.counters.increment([
      { name: 'download', key: 'a', by: 2 },
      { name: 'download', key: 'b', by: 1 },
      { name: 'download', key: 'a', by: 3 },
    ]);
    await db.counters.increment([{ name: 'download', key: 'a', by: 1 }]);
    await db.counters.increment([]);
    expect(await db.counters.get('download', ['a', 'b', 'c'])).toEqual(
      new Map([
        ['a', 6],
        ['b', 1],
      ]),
    );
  });
});
