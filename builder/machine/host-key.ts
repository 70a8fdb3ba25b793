import { createHash } from 'node:crypto';
import type { Access } from './access.ts';

export type HostKeyVerdict = { ok: true; key: string } | { ok: false; problem: string };

/** Pure: may a machine that shows this key be talked to? `blob` is the key as it is on the wire. */
export function hostKeyVerdict(blob: Buffer, access: Pick<Access, 'hostKeys' | 'revoked' | 'target'>): HostKeyVerdict {
  const key = `${typeOf(blob)} ${blob.toString('base64')}`;
  const { name, trustFirstUse } = access.target;
  if (access.revoked.includes(key)) {
    return {
      ok: false,
      problem: `${name} shows the host key ${fingerprint(blob)}, which known_hosts marks as revoked`,
    };
  }
  if (access.hostKeys.length === 0 && trustFirstUse) return { ok: true, key };
  // Padding aside: base64 has several spellings of the same bytes.
  if (access.hostKeys.some((known) => blobOf(known).equals(blob))) return { ok: true, key };
  return {
    ok: false,
    problem: `${name} shows the host key ${fingerprint(blob)} (${typeOf(blob)}), which is none of those it is known by (${access.hostKeys.map((known) => fingerprint(blobOf(known))).join(', ')}); somebody else may be answering`,
  };
}

/** As `ssh-keygen -l` prints it. */
function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function blobOf(key: string): Buffer {
  return Buffer.from(key.split(' ')[1] ?? '', 'base64');
}

/** The first string of the key. */
function typeOf(blob: Buffer): string {
  if (blob.length < 4) return '';
  return blob.subarray(4, 4 + Math.min(64, blob.readUInt32BE(0))).toString('latin1');
}
