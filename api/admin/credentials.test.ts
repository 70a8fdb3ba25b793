import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { coprConfig } from './copr-config.ts';
import { newCredentials } from './credentials.ts';

describe('credentials', () => {
  it('are small letters, other ones each time, and the digest of the token', () => {
    const made = Array.from({ length: 200 }, () => newCredentials(randomBytes));
    for (const { login, token, hash } of made) {
      expect(login).toMatch(/^[a-z]{20,30}$/);
      expect(token).toMatch(/^[a-z]{30}$/);
      expect(hash).toEqual(createHash('sha256').update(token).digest());
    }
    expect(new Set(made.flatMap(({ login, token }) => [login, token])).size).toBe(400);
  });

  it('have no letter more often than others', () => {
    const seen = new Map<string, number>();
    for (let round = 0; round < 2_000; round += 1) {
      for (const letter of newCredentials(randomBytes).token) seen.set(letter, (seen.get(letter) ?? 0) + 1);
    }
    // 60,000 letters: 2,308 of each, with a standard deviation of 47. Without rejection "a" to "v" had 2,344 and the rest 2,109.
    const late = ['w', 'x', 'y', 'z'].reduce((sum, letter) => sum + (seen.get(letter) ?? 0), 0);
    expect(late).toBeGreaterThan(8_850);
    expect(seen.size).toBe(26);
  });

  it('skip the bytes that would be unfair', () => {
    const random = (bytes: number): Buffer =>
      Buffer.from(Array.from({ length: bytes }, (_, index) => (index % 2 ? 255 : 25)));
    expect(newCredentials(random).token).toBe('z'.repeat(30));
  });
});

describe('the configuration of copr-cli', () => {
  const config = {
    username: 'bob',
    login: 'l',
    token: 't',
    expiresAt: Date.UTC(2027, 4, 23),
    frontendURL: 'http://127.0.0.1:5000',
  };

  it('is complete', () => {
    expect(coprConfig(config)).toBe(
      '[copr-cli]\nlogin = l\nusername = bob\ntoken = t\ncopr_url = http://127.0.0.1:5000\nencrypted = no\n# expiration date: 2027-05-23\n',
    );
  });

  it('says nothing of encryption with https', () => {
    expect(coprConfig({ ...config, frontendURL: 'https://copr.test' })).not.toContain('encrypted');
  });
});
