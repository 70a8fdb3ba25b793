import { isArchOf } from '../../../lib/rpm/arch.ts';
import { PackageError } from '../../../lib/rpm/errors.ts';
import { fileNameOf, type Nevra } from '../../../lib/rpm/nevra.ts';
import { readPackage, verifyPackage } from '../../../lib/rpm/package.ts';
import { refused } from './plan.ts';

export interface PackageRules {
  stage: 'source' | 'binary';
  /** RPM architecture of the chroot; undefined accepts any. */
  architecture: string | undefined;
}

/**
 * Reads a package that a stranger's build made and holds it to what a repository needs. Headers are let go of at once: a build may
 * have thousands of packages. Throws ApiError 422 with a sentence about the file.
 */
export async function checkPackage(name: string, path: string, rules: PackageRules): Promise<Nevra> {
  try {
    const head = await readPackage(path);
    const { nevra, isSource } = head;
    const properName = fileNameOf(nevra);
    if (name !== properName) throw new PackageError(`is called so, but its header says it is ${properName}`);
    if (rules.stage === 'source' && !isSource) throw new PackageError('is not a source package');
    if (!isSource && rules.architecture !== undefined && !isArchOf(rules.architecture, nevra.arch)) {
      throw new PackageError(`is for ${nevra.arch}, which a chroot for ${rules.architecture} does not build`);
    }
    const coverage = await verifyPackage(path, head);
    // Source packages of the source stage may be of any age and are not signed.
    if (rules.stage === 'binary' && !(coverage.headerSha256 && coverage.payloadSha256)) {
      throw new PackageError('has no SHA-256 digests of header and payload; it was built by an rpm older than 4.14');
    }
    return nevra;
  } catch (error) {
    if (error instanceof PackageError) throw refused('InvalidPackage', `the package ${name} ${error.message}`);
    throw error;
  }
}
