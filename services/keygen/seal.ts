import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/**
 * Encryption of private keys at rest: AES-256-GCM under a key derived (HKDF-SHA256, salt of its own) from the master key. The context is
 * authenticated with it, so that a sealed key moved to another identity's directory does not open.
 */

const base64 = z.base64();
export const sealedSchema = z.strictObject({
  cipher: z.literal('aes-256-gcm+hkdf-sha256'),
  salt: base64,
  nonce: base64,
  tag: base64,
  data: base64,
});
export type Sealed = z.infer<typeof sealedSchema>;

const sealInfo = 'kopr keygen: private key, version 1';
const checkInfo = 'kopr keygen: master key check, version 1';

export class SealError extends Error {
  constructor() {
    super('the private key does not open with the master key in use');
    this.name = 'SealError';
  }
}

export function seal(masterKey: Buffer, context: string, plain: Buffer): Sealed {
  const salt = randomBytes(32);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', derive(masterKey, salt, sealInfo), nonce);
  cipher.setAAD(Buffer.from(context, 'utf8'));
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  return {
    cipher: 'aes-256-gcm+hkdf-sha256',
    salt: salt.toString('base64'),
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
}

/** The sealed bytes. Throws SealError when master key, context or data are not those it was sealed with. */
export function unseal(masterKey: Buffer, context: string, sealed: Sealed): Buffer {
  const key = derive(masterKey, Buffer.from(sealed.salt, 'base64'), sealInfo);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.nonce, 'base64'), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(context, 'utf8'));
    decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'));
    return Buffer.concat([decipher.update(Buffer.from(sealed.data, 'base64')), decipher.final()]);
  } catch {
    throw new SealError();
  }
}

/** A value by which the same master key is recognised later and which reveals nothing about it. */
export function masterKeyCheck(masterKey: Buffer, salt: Buffer): string {
  return createHmac('sha256', derive(masterKey, salt, checkInfo))
    .update(checkInfo)
    .digest('hex');
}

export function matchesCheck(masterKey: Buffer, salt: Buffer, check: string): boolean {
  const expected = Buffer.from(masterKeyCheck(masterKey, salt), 'hex');
  const given = Buffer.from(check, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function derive(masterKey: Buffer, salt: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, salt, info, 32));
}
