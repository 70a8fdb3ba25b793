import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SignPool } from './sign-pool.ts';

describe('SignPool', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const digestOf = (index: number): Buffer => Buffer.alloc(32, index);

  it('makes PKCS#1 signatures of many digests at once', async () => {
    const pool = new SignPool({ size: 2 });
    const hashed = createHash('sha256').update('data').digest();
    const [first, ...rest] = await Promise.all([
      pool.sign(privateKey, 'SHA256', hashed),
      ...Array.from({ length: 40 }, (_, index) => pool.sign(privateKey, 'SHA256', digestOf(index))),
    ]);
    expect(first).toEqual(sign('sha256', Buffer.from('data'), privateKey));
    expect(new Set(rest.map((signature) => signature.toString('hex'))).size).toBe(40);
    expect(pool.threads).toBe(2);
    await pool.close();
    await expect(pool.sign(privateKey, 'SHA256', hashed)).rejects.toThrow('stopping');
  });

  it('starts threads on demand and ends them when there is nothing to do', async () => {
    const pool = new SignPool({ size: 4, idleMs: 20 });
    expect(pool.threads).toBe(0);
    await pool.sign(privateKey, 'SHA256', digestOf(1));
    expect(pool.threads).toBe(1);
    await expect.poll(() => pool.threads, { timeout: 5_000 }).toBe(0);
    await pool.sign(privateKey, 'SHA256', digestOf(2));
    await pool.close();
  });

  it('reports a key that cannot sign and goes on', async () => {
    const pool = new SignPool({ size: 1 });
    const { privateKey: tiny } = generateKeyPairSync('rsa', { modulusLength: 512 });
    await expect(pool.sign(tiny, 'SHA512', Buffer.alloc(64))).rejects.toThrow('the signature could not be made');
    await expect(pool.sign(privateKey, 'SHA1', Buffer.alloc(32))).rejects.toThrow('SHA1 digest has 20 bytes');
    expect((await pool.sign(privateKey, 'SHA256', digestOf(3))).length).toBe(256);
    await pool.close();
  });

  it('refuses when too many digests wait', async () => {
    const pool = new SignPool({ size: 1, maxWaiting: 2 });
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, (_, index) => pool.sign(privateKey, 'SHA256', digestOf(index))),
    );
    expect(results.filter((result) => result.status === 'rejected').map((result) => String(result.reason))).toEqual(
      Array(2).fill('Error: too many signatures are waiting; try again later'),
    );
    await pool.close();
  });
});
