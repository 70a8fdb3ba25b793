import { join } from 'node:path';
import { writeFileIfChanged } from '../../../lib/durable.ts';
import type { Paths, ProjectName } from '../paths.ts';
import type { Certificate } from '../signer.ts';

/** Puts the project's certificate where `.repo` files and people look for it. The project directory must exist. */
export async function writeCertificate(paths: Paths, name: ProjectName, certificate: Certificate): Promise<void> {
  await writeFileIfChanged(join(paths.project(name), 'pubkey.gpg'), certificate.armored);
}
