import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CredentialFiles } from '../credentials.ts';

/** A certificate authority for tests, made with the real openssl. */
export interface TestPki {
  /** Certificate for `commonName`, valid as server on 127.0.0.1 and localhost and as client. */
  issue(commonName: string): CredentialFiles;
}

export function createTestPki(directory: string, authority = 'test authority'): TestPki {
  mkdirSync(directory, { recursive: true });
  const ca = join(directory, 'ca.crt');
  const caKey = join(directory, 'ca.key');
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', caKey);
  openssl('req', '-x509', '-new', '-key', caKey, '-sha256', '-days', '30', '-subj', `/CN=${authority}`, '-out', ca);
  return {
    issue(commonName) {
      const base = join(directory, commonName.replaceAll(/[^A-Za-z0-9-]/g, '_'));
      const [cert, key, csr, ext] = [`${base}.crt`, `${base}.key`, `${base}.csr`, `${base}.ext`];
      const usage = 'extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n';
      writeFileSync(ext, `basicConstraints=CA:FALSE\n${usage}`);
      openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
      openssl('req', '-new', '-key', key, '-subj', `/CN=${commonName}`, '-out', csr);
      openssl(
        'x509',
        '-req',
        '-in',
        csr,
        '-CA',
        ca,
        '-CAkey',
        caKey,
        '-CAcreateserial',
        '-sha256',
        '-days',
        '30',
        '-extfile',
        ext,
        '-out',
        cert,
      );
      return { cert, key, ca };
    },
  };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 20_000 });
}
