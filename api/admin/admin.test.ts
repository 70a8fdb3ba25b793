import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { Database } from '../db/database.ts';
import { openTestDatabase } from '../db/testing/open.ts';
import type { TestPostgres } from '../db/testing/postgres.ts';
import { startPostgres } from '../db/testing/postgres.ts';
import { adminMain } from './main.ts';
import type { AdminDeps } from './run.ts';

let postgres: TestPostgres;
let db: Database;
let ensured: [string, boolean | undefined][];

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(() => postgres?.stop());

beforeEach(async () => {
  db = await openTestDatabase(await postgres.createDatabase());
  ensured = [];
  return () => db.close();
});

const DAY_MS = 86_400_000;
const clock = new FakeClock();

async function admin(line: string): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const deps: AdminDeps = {
    db,
    owners: {
      ensure(owner, { adopt }) {
        if (owner === 'default') return Promise.reject(new Error('the name default is reserved'));
        ensured.push([owner, adopt]);
        return Promise.resolve(`ns-${owner}`);
      },
    },
    clock,
    random: randomBytes,
    frontendURL: 'http://copr.test',
    tokenDays: 180,
  };
  const code = await adminMain(line.split(' '), {
    open: () => Promise.resolve({ ...deps, close: () => Promise.resolve() }),
    print: (text) => {
      out += text;
    },
    complain: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

describe('admin', () => {
  it('makes users with their namespaces', async () => {
    const { code, out } = await admin('user add alice --admin --adopt');
    expect([code, out]).toEqual([0, 'user alice was added; the projects are in namespace ns-alice\n']);
    expect(ensured).toEqual([['alice', true]]);
    expect(await db.users.byName('alice')).toMatchObject({ isAdmin: true });
    expect(await admin('user add alice')).toMatchObject({
      code: 1,
      err: expect.stringContaining('exists already') as string,
    });
    expect(await admin('user add alice --exist-ok')).toMatchObject({ code: 0, out: 'user alice exists already\n' });
    expect((await db.users.byName('alice'))?.isAdmin).toBe(true);
  });

  it('makes no user whose namespace is refused', async () => {
    expect(await admin('user add default')).toEqual({ code: 1, out: '', err: 'admin: the name default is reserved\n' });
    expect(await db.users.byName('default')).toBeUndefined();
  });

  it('prints a token once and keeps its digest', async () => {
    await admin('user add bob');
    const { out } = await admin('token add bob --description CI');
    const [, login = '', token = ''] = /^login: (\S+)\ntoken: (\S+)\nexpires: [0-9-]{10}\n$/.exec(out) ?? [];
    const holder = await db.tokens.byLogin(login);
    expect(holder?.hash).toEqual(createHash('sha256').update(token).digest());
    expect(holder?.expiresAt).toBe(clock.now() + 180 * DAY_MS);
    expect((await admin('token list bob')).out).toMatch(new RegExp(`^${login}, of .*, good until .*: CI\n$`));
    expect((await admin('user show bob')).out).not.toContain(token);
  });

  it('prints a configuration, for as long as is asked', async () => {
    await admin('user add bob');
    const { out } = await admin('token add bob --days 3 --copr-config');
    const login = /^login = (\S+)$/m.exec(out)?.[1] ?? '';
    expect(out).toContain('username = bob\n');
    expect(out).toContain('copr_url = http://copr.test\nencrypted = no\n');
    expect((await db.tokens.byLogin(login))?.expiresAt).toBe(clock.now() + 3 * DAY_MS);
  });

  it('revokes tokens, and says when there is none', async () => {
    await admin('user add bob');
    const login = /^login: (\S+)$/m.exec((await admin('token add bob')).out)?.[1] ?? '';
    expect((await admin(`token revoke ${login}`)).code).toBe(0);
    expect((await admin(`token revoke ${login}`)).err).toContain('no valid token');
    expect((await admin('token list bob')).out).toContain('revoked on');
  });

  it('manages users and groups', async () => {
    for (const line of ['user add bob', 'group add @team', 'group add-member team bob', 'user set-admin bob on']) {
      expect(await admin(line)).toMatchObject({ code: 0, err: '' });
    }
    expect(ensured).toContainEqual(['@team', false]);
    expect((await admin('group list')).out).toBe('@team: bob\n');
    expect((await admin('user list')).out).toMatch(/^bob \(administrator\), since /);
    expect((await admin('user show bob')).out).toContain('groups: @team\n');
    for (const line of [
      'group remove-member team bob',
      'user set-admin bob off',
      'user remove bob',
      'group remove team',
    ]) {
      expect(await admin(line)).toMatchObject({ code: 0, err: '' });
    }
    expect((await admin('user list')).out).toBe('');
  });

  it.each([
    ['user show ghost', 'there is no user ghost'],
    ['user remove ghost', 'there is no user ghost'],
    ['user set-admin ghost on', 'there is no user ghost'],
    ['token add ghost', 'there is no user ghost'],
    ['token list ghost', 'there is no user ghost'],
    ['group remove ghosts', 'there is no group @ghosts'],
    ['group add-member ghosts bob', 'there is no group @ghosts'],
    ['group remove-member ghosts bob', 'is no member of group @ghosts'],
  ])('says of "%s" what is not there', async (line, sentence) => {
    expect(await admin(line)).toMatchObject({ code: 1, out: '', err: expect.stringContaining(sentence) as string });
  });

  it('opens nothing for help or wrong words', async () => {
    const process = {
      open: () => Promise.reject(new Error('opened')),
      print: () => undefined,
      complain: () => undefined,
    };
    expect(await adminMain(['--help'], process)).toBe(0);
    expect(await adminMain(['nonsense'], process)).toBe(2);
    expect(await adminMain(['user', 'list'], process)).toBe(1);
  });
});
