import { TerminalError } from '../../lib/errors.ts';
import { formatSources } from '../../lib/lookaside/sources.ts';
import type { UnpackedFile } from './unpack.ts';

/** What goes where. Pure: the same SRPM always gives the same plan, hence the same tree. */
export interface TreePlan {
  git: UnpackedFile[];
  lookaside: UnpackedFile[];
  /** Text of the generated files of the tree. */
  sources: string;
  gitignore: string;
  spec: string;
}

const ARCHIVE =
  /\.(?:tar|gz|bz2|xz|zst|lz|lzma|lzo|z|tgz|tbz2?|txz|tlz|tzst|zip|7z|rar|jar|war|rpm|deb|gem|crate|whl|egg|phar|iso|img|cpio|pdf|otf|ttf)$/i;
/** Text beyond this is data, not something people read as a diff. */
const MAX_GIT_FILE = 1024 * 1024;
const MAX_SPEC = 16 * 1024 * 1024;
const MAX_GIT_TOTAL = 256 * 1024 * 1024;
const GENERATED = ['sources'];

/** Rejects with TerminalError `NoSpec`, `AmbiguousSpec`, `NameClash` or `TextTooLarge`. */
export function planTree(
  packageName: string,
  flaggedSpecs: readonly string[],
  files: readonly UnpackedFile[],
): TreePlan {
  for (const file of files) {
    if (!GENERATED.includes(file.name)) continue;
    throw new TerminalError(
      'NameClash',
      `the SRPM has a file named "${file.name}", which dist-git keeps for itself; rename it`,
    );
  }
  const spec = chooseSpec(packageName, flaggedSpecs, files);
  const git: UnpackedFile[] = [];
  const lookaside: UnpackedFile[] = [];
  for (const file of files.toSorted(byName)) {
    const text = file.name === spec || (!file.binary && file.size <= MAX_GIT_FILE && !ARCHIVE.test(file.name));
    (text ? git : lookaside).push(file);
  }
  const total = git.reduce((sum, file) => sum + file.size, 0);
  if (total > MAX_GIT_TOTAL) {
    throw new TerminalError(
      'TextTooLarge',
      `the text files of the SRPM have ${total} bytes; pack them into an archive`,
    );
  }
  return {
    git,
    lookaside,
    sources: formatSources(lookaside.map(({ name, sha512 }) => ({ hashtype: 'sha512', hash: sha512, file: name }))),
    gitignore: lookaside.map((file) => `/${escapeIgnore(file.name)}\n`).join(''),
    spec,
  };
}

/**
 * Builders find the spec by a simple rule: `<package>.spec`, else the only one. An SRPM for which the rule would
 * give another file than its header says is refused, because it would build something else than was submitted.
 */
function chooseSpec(packageName: string, flagged: readonly string[], files: readonly UnpackedFile[]): string {
  const specs = files.filter((file) => file.name.endsWith('.spec'));
  const candidates = flagged.length > 0 ? specs.filter((file) => flagged.includes(file.name)) : specs;
  const chosen = candidates.find((file) => file.name === `${packageName}.spec`) ?? candidates[0];
  if (!chosen) throw new TerminalError('NoSpec', 'the SRPM contains no spec file');
  if (specs.length > 1 && chosen.name !== `${packageName}.spec`) {
    const names = specs.map((file) => file.name).join(', ');
    throw new TerminalError(
      'AmbiguousSpec',
      `the SRPM has several spec files (${names}); name the right one ${packageName}.spec`,
    );
  }
  if (chosen.size > MAX_SPEC)
    throw new TerminalError('TextTooLarge', `the spec file has ${chosen.size} bytes; the limit is ${MAX_SPEC}`);
  return chosen.name;
}

/** Glob characters, a leading "!" or "#" would make a pattern of the name. */
function escapeIgnore(name: string): string {
  return name.replace(/[\\*?[\]!# ]/g, (char) => `\\${char}`);
}

function byName(a: UnpackedFile, b: UnpackedFile): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
