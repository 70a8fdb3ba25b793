import { describe, expect, it } from 'vitest';
import { illegalUser, invalidIdentity, keyRequestSchema, userIdOf } from './identity.ts';

describe('identities', () => {
  it.each(['alice#hello@copr.example.org', '@group#hello-world@copr.example.org', 'a.b-c_d#p.q@copr.x'])(
    '%s is one',
    (email) => {
      expect(invalidIdentity(email)).toBeUndefined();
    },
  );

  it.each([
    'alice@copr.example.org',
    'alice#hello',
    'alice#a@b@c',
    'al ice#hello@copr.x',
    '#hello@copr.x',
    'alice#he/llo@copr.x',
    '../x#hello@copr.x',
    '.alice#hello@copr.x',
    'alice#hello@copr.x\n',
    `alice#${'h'.repeat(300)}@copr.x`,
    'älice#hello@copr.x',
  ])('%j is none', (email) => {
    expect(invalidIdentity(email)).toBeDefined();
  });

  it('may be any harmless text in a signd request', () => {
    expect(illegalUser('someone@example.org')).toBeUndefined();
    expect(illegalUser('')).toBe('no user given');
  });

  it('become a user id without a comment unless one is given', () => {
    const request = { name_real: 'alice_hello', name_email: 'alice#hello@copr.x' };
    expect(userIdOf(request)).toBe('alice_hello <alice#hello@copr.x>');
    expect(userIdOf({ ...request, name_comment: 'c' })).toBe('alice_hello (c) <alice#hello@copr.x>');
  });

  it.each([
    ['5y', 157_680_000],
    ['0', 0],
    [30, 2_592_000],
    ['2w', 1_209_600],
    ['3m', 7_776_000],
  ])('expire %s after %d seconds', (expire, seconds) => {
    const parsed = keyRequestSchema.parse({ name_real: 'n', name_email: 'a#b@c', expire });
    expect(parsed.expire).toBe(seconds);
  });

  it.each([
    [{ name_email: 'a#b@c' }, 'name_real'],
    [{ name_real: 'n' }, 'name_email'],
    [{ name_real: 'n<evil>', name_email: 'a#b@c' }, 'name_real'],
    [{ name_real: 'n', name_email: 'a#b@c', key_length: 1024 }, 'key_length'],
    [{ name_real: 'n', name_email: 'a#b@c', expire: 'never' }, 'expire'],
    [{ name_real: 'n', name_email: 'a#b@c', expire: '999y' }, 'expire'],
  ])('are refused in %j because of %s', (body, field) => {
    const result = keyRequestSchema.safeParse(body);
    expect(result.error?.issues[0]?.path).toEqual([field]);
  });
});
