import type { PublicationRequest } from '../../../lib/protocol/publisher.ts';
import { PackageError } from '../../../lib/rpm/errors.ts';
import { type Header, stringsOf } from '../../../lib/rpm/header.ts';
import { fileNameOf, type Nevra } from '../../../lib/rpm/nevra.ts';
import { tag } from '../../../lib/rpm/tags.ts';
import { refused } from './plan.ts';

/** The content of `build.info`, in Copr's form. */
export function buildInfo(request: Pick<PublicationRequest, 'build'>): string {
  return `build_id=${request.build}\n`;
}

/** The content of `results.json` of a binary build, in Copr's form. */
export function binaryReport(packages: readonly Nevra[]): unknown {
  return {
    packages: packages.map(({ name, epoch, version, release, arch }) => ({ name, epoch, version, release, arch })),
  };
}

/**
 * The content of `results.json` of a source build, in Copr's form. Throws ApiError 422. Copr expands the spec file anew for each distribution; here the
 * header of the source package, expanded once where it was built, speaks for all `releases` (`pebble-13`).
 */
export function sourceReport(source: { nevra: Nevra; header: Header }, releases: readonly string[]): unknown {
  const { name, epoch, version, release } = source.nevra;
  const tags = architectureTags(source.nevra, source.header);
  return {
    name,
    epoch,
    version,
    release,
    architecture_specific_tags: Object.fromEntries([...releases].sort().map((each) => [each, tags])),
  };
}

/** The list is written once for each release; the longest of a distribution has about 200 bytes. */
const MAX_TAG_BYTES = 16 * 1024;

/**
 * Tags of the header that say where the package may be built, by their names in spec files; only those it has. The header is a
 * stranger's: throws ApiError 422 with a sentence about it.
 */
function architectureTags(nevra: Nevra, header: Header): Record<string, string[]> {
  const tags = { exclusivearch: tag.exclusiveArch, excludearch: tag.excludeArch, buildarch: tag.buildArchs };
  const found: Record<string, string[]> = {};
  try {
    for (const [key, number] of Object.entries(tags)) {
      if ((header.entries.get(number)?.data.length ?? 0) > MAX_TAG_BYTES)
        throw new PackageError(`has more than ${MAX_TAG_BYTES} bytes of ${key}`);
      const names = stringsOf(header, number);
      if (names.length > 0) found[key] = [...new Set(names)].sort();
    }
  } catch (error) {
    if (error instanceof PackageError)
      throw refused('InvalidPackage', `the package ${fileNameOf(nevra)} ${error.message}`);
    throw error;
  }
  return found;
}
