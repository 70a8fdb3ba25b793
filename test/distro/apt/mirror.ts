import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseControl } from '../deb/control.ts';

/** One line of apt's sources: where, which releases, which components. */
export interface AptSource {
  uri: string;
  suites: string[];
  components: string[];
}

/**
 * The mirror that this machine's apt uses for Debian's main archive: no project file names one.
 * `codename` is the machine's own release, whose entry cannot be mistaken for one of updates or security fixes.
 */
export function findMirror(sources: readonly AptSource[], codename: string): string | undefined {
  return sources.find((source) => source.suites.includes(codename) && source.components.includes('main'))?.uri;
}

/** Reads all of apt's sources below a directory such as /etc/apt, in both of its formats. */
export async function readAptSources(directory: string): Promise<AptSource[]> {
  const parts = join(directory, 'sources.list.d');
  const names = await readdir(parts).catch(() => []);
  const files = [join(directory, 'sources.list'), ...names.toSorted().map((name) => join(parts, name))];
  const sources: AptSource[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (file.endsWith('.sources')) sources.push(...parseDeb822(text));
    else if (file.endsWith('.list')) sources.push(...parseOneLine(text));
  }
  return sources;
}

/** The `.sources` format: stanzas with URIs, Suites and Components. */
export function parseDeb822(text: string): AptSource[] {
  const kept = text.split('\n').filter((line) => !line.startsWith('#'));
  return kept
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const fields = parseControl(stanza);
      const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '');
      if (!words('types').includes('deb') || fields.get('enabled') === 'no') return [];
      return words('uris').map((uri) => ({ uri, suites: words('suites'), components: words('components') }));
    });
}

/** The `.list` format: 'deb [options] uri suite component…'. */
export function parseOneLine(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) return [];
    const [, uri = '', suite = '', components = ''] = match;
    return [{ uri, suites: [suite], components: components.split(/\s+/).filter((word) => word !== '') }];
  });
}

/** The mirror to take Debian packages from: the one that was asked for, else the machine's own. */
export async function debianMirror(wanted: string | undefined): Promise<string> {
  if (wanted !== undefined) return wanted;
  const osRelease = await readFile('/etc/os-release', 'utf8');
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(osRelease)?.[1] ?? '';
  const mirror = findMirror(await readAptSources('/etc/apt'), codename);
  if (mirror !== undefined) return mirror;
  throw new Error(
    `apt's sources on this machine name no Debian mirror for '${codename}'; set KOPR_DEBIAN_MIRROR to the URL of one`,
  );
}
