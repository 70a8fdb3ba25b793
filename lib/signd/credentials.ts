import { readFileSync } from 'node:fs';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';

/** Paths of PEM files: own certificate and key, and the authority that must have signed the peer's. */
export interface CredentialFiles {
  cert: string;
  key: string;
  ca: string;
}

export interface Credentials {
  cert: Buffer;
  key: Buffer;
  ca: Buffer;
}

/** Reads the three files. Throws an error that names the file. */
export function readCredentials(files: CredentialFiles): Credentials {
  return { cert: readFileSync(files.cert), key: readFileSync(files.key), ca: readFileSync(files.ca) };
}

/**
 * Hands out a secure context for the files as they are now: mounted Secrets are renewed under a running process, and a context of
 * yesterday's certificate would fail in the night it expires. The context is made again only when a file changed.
 */
export function secureContextSource(files: CredentialFiles): () => SecureContext {
  let last: { credentials: Credentials; context: SecureContext } | undefined;
  return () => {
    const credentials = readCredentials(files);
    if (last === undefined || !sameCredentials(last.credentials, credentials)) {
      last = { credentials, context: createSecureContext({ ...credentials }) };
    }
    return last.context;
  };
}

export function sameCredentials(one: Credentials, other: Credentials): boolean {
  return one.cert.equals(other.cert) && one.key.equals(other.key) && one.ca.equals(other.ca);
}
