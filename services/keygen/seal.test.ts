import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { masterKeyCheck, matchesCheck, SealError, seal, unseal } from './seal.ts';

describe('sealing', () => {
  const masterKey = randomBytes(32);

  it('opens with the same master key and context alone', () => {
    const sealed = seal(masterKey, 'alice', Buffer.from('secret'));
    expect(unseal(masterKey, 'alice', sealed).toString()).toBe('secret');
    expect(() => unseal(masterKey, 'bob', sealed)).toThrow(SealError);
    expect(() => unseal(randomBytes(32), 'alice', sealed)).toThrow(SealError);
    expect(() => unseal(masterKey, 'alice', { ...sealed, data: Buffer.from('sacret').toString('base64') })).toThrow(
      SealError,
    );
    expect(() => unseal(masterKey, 'alice', { ...sealed, tag: sealed.tag.slice(0, 6) })).toThrow(SealError);
    expect(JSON.stringify(sealed)).not.toContain(Buffer.from('secret').toString('base64'));
  });

  it('uses a new salt and nonce every time', () => {
    const [one, two] = [seal(masterKey, 'a', Buffer.from('x')), seal(masterKey, 'a', Buffer.from('x'))];
    expect(new Set([one.salt, two.salt, one.nonce, two.nonce, one.data, two.data]).size).toBe(6);
  });

  it('recognises its master key', () => {
    const salt = randomBytes(32);
    const check = masterKeyCheck(masterKey, salt);
    expect(matchesCheck(masterKey, salt, check)).toBe(true);
    expect(matchesCheck(randomBytes(32), salt, check)).toBe(false);
    expect(matchesCheck(masterKey, salt, '')).toBe(false);
  });
});
