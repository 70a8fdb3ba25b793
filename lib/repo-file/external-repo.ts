import { createHash } from 'node:crypto';
import { nameReleaseOf, withoutOptions } from './repo-file.ts';

/** Repositories that builds may use beside those of the distribution, as the builder's dnf (or mock) is given them. */

/** As a Project names it. */
export interface RepoReference {
  /** `http(s)://…`, or `copr://owner/project[:dir]`; `?priority=N` may follow, `$chroot` and `$distname` may be in it. */
  baseurl: string;
  gpgkey?: string | undefined;
  priority?: number | undefined;
}

export interface ExternalRepo {
  id: string;
  name: string;
  baseurl: string;
  gpgcheck: boolean;
  gpgkey?: string;
  priority?: number;
}

export interface ExternalRepoSite {
  /** Root of the results tree, as whoever reads the repository reaches it. */
  resultsURL: string;
  /** Chroot that is built in, `fedora-43-x86_64`. */
  chroot: string;
}

/** Characters of an id; task documents take no more. */
const MAX_ID = 100;
/** What dnf takes for a priority. */
const PRIORITIES = { min: 1, max: 99 };

/** Where `copr://owner/project[:dir]` points to; undefined for every other address. */
export function coprReference(baseurl: string): { owner: string; project: string } | undefined {
  const [, owner, project] = /^copr:\/\/(@?[A-Za-z0-9_.-]+)\/([A-Za-z0-9_.:-]+)\/?$/.exec(baseurl) ?? [];
  if (owner === undefined || project === undefined) return undefined;
  // No path tricks: it becomes a part of an address.
  return [owner, project].some((name) => /^\.+$/.test(name)) ? undefined : { owner, project };
}

/**
 * Pure: one repository, with the ids and names of Copr. A project of this kopr is checked against its own key, any other
 * repository against the key that the reference names, if it names one. What dnf expands itself (`$releasever`,
 * `$basearch`) is left to it. A priority of the reference comes before one in its address.
 */
export function externalRepo(reference: RepoReference, { resultsURL, chroot }: ExternalRepoSite): ExternalRepo {
  const { baseurl: address, priority: written } = withoutOptions(reference.baseurl);
  const priority = reference.priority ?? written;
  const id = externalRepoId(reference.baseurl);
  const common = {
    id,
    name: `Additional repo ${id}`,
    ...(priority === undefined ? {} : { priority: Math.min(PRIORITIES.max, Math.max(PRIORITIES.min, priority)) }),
  };
  const own = coprReference(address);
  if (own !== undefined) {
    const root = resultsURL.replace(/\/+$/, '');
    const [main = own.project] = own.project.split(':');
    return {
      ...common,
      baseurl: `${root}/${own.owner}/${own.project}/${chroot}/`,
      gpgcheck: true,
      gpgkey: reference.gpgkey ?? `${root}/${own.owner}/${main}/pubkey.gpg`,
    };
  }
  const { gpgkey } = reference;
  return {
    ...common,
    baseurl: expanded(address, chroot),
    gpgcheck: gpgkey !== undefined,
    ...(gpgkey === undefined ? {} : { gpgkey }),
  };
}

/** All of them in their order. An address that is named twice counts once, and no two have the same id: dnf would refuse both. */
export function externalRepos(references: readonly RepoReference[], site: ExternalRepoSite): ExternalRepo[] {
  const repos = new Map<string, ExternalRepo>();
  const addresses = new Set<string>();
  for (const reference of references) {
    const repo = externalRepo(reference, site);
    if (addresses.has(repo.baseurl)) continue;
    addresses.add(repo.baseurl);
    let { id } = repo;
    for (let n = 2; repos.has(id); n++) id = `${repo.id}_${n}`;
    repos.set(id, { ...repo, id });
  }
  return [...repos.values()];
}

/** The address with everything but letters and digits as `_`; one that is too long ends in a digest of it. */
function externalRepoId(baseurl: string): string {
  const plain = baseurl.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '');
  if (plain.length <= MAX_ID) return plain;
  const digest = createHash('sha256').update(baseurl).digest('hex').slice(0, 10);
  return `${plain.slice(0, MAX_ID - 11)}_${digest}`;
}

function expanded(address: string, chroot: string): string {
  const nameRelease = nameReleaseOf(chroot);
  const distname = nameRelease.slice(0, nameRelease.lastIndexOf('-'));
  return address.replaceAll('$chroot', () => chroot).replaceAll('$distname', () => distname);
}
