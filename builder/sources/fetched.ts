import { z } from 'zod';

/**
 * What the fetch container hands to the srpm container, as `plan/source.json`. `file` is relative to the sources
 * directory; the other sources of a spec are looked for beside it.
 */
export const fetchedSource = z.strictObject({
  kind: z.enum(['srpm', 'spec']),
  file: z.string().min(1).max(4096),
});
export type FetchedSource = z.infer<typeof fetchedSource>;

export const SOURCE_FILE = 'source.json';

/** What a file is for the srpm container, by its name. */
export function kindOf(name: string): FetchedSource['kind'] | undefined {
  if (isSourcePackage(name)) return 'srpm';
  return name.endsWith('.spec') ? 'spec' : undefined;
}

/** A package whose spec keeps sources out of it (`NoSource`) is called nosrc. */
export function isSourcePackage(name: string): boolean {
  return name.endsWith('.src.rpm') || name.endsWith('.nosrc.rpm');
}
