import { TerminalError } from '../../../lib/errors.ts';

/** One metadata file that `repomd.xml` refers to. */
export interface MetadataFile {
  /** `primary`, `filelists`, … */
  type: string;
  /** File name within `repodata/`. */
  name: string;
  size: number;
  sha256: string;
}

/** Reads the references of a `repomd.xml` made by createrepo_c. Throws TerminalError `InvalidMetadata` when it is not one. */
export function parseRepomd(xml: string): MetadataFile[] {
  const files: MetadataFile[] = [];
  for (const [, type = '', body = ''] of xml.matchAll(/<data type="([^"]+)">(.*?)<\/data>/gs)) {
    const name = /<location href="repodata\/([A-Za-z0-9][A-Za-z0-9._-]*)"\s*\/>/.exec(body)?.[1];
    const sha256 = /<checksum type="sha256">([0-9a-f]{64})<\/checksum>/.exec(body)?.[1];
    const size = /<size>([0-9]+)<\/size>/.exec(body)?.[1];
    if (name === undefined || sha256 === undefined || size === undefined)
      throw invalid(`its entry "${type}" is incomplete`);
    files.push({ type, name, size: Number(size), sha256 });
  }
  if (!files.some((file) => file.type === 'primary')) throw invalid('it has no entry "primary"');
  return files;
}

/** The same with nothing but the metadata of packages: not the groups, which are the project's and not theirs. */
export function packagesOnly(xml: string): { text: string; files: MetadataFile[] } {
  const text = xml.replace(/[ \t]*<data type="(?!(?:primary|filelists|other)")[^"]*">.*?<\/data>\n?/gs, '');
  return { text, files: parseRepomd(text) };
}

/** The number of packages a primary.xml announces in its first lines. */
export function announcedPackages(primaryStart: string): number {
  const count = /<metadata\b[^>]*\bpackages="([0-9]+)"/.exec(primaryStart)?.[1];
  if (count === undefined) throw invalid('its primary metadata does not say how many packages there are');
  return Number(count);
}

function invalid(what: string): TerminalError {
  return new TerminalError('InvalidMetadata', `repomd.xml is not usable: ${what}`);
}
