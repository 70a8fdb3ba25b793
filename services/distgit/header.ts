import { open } from 'node:fs/promises';
import { z } from 'zod';
import { TerminalError } from '../../lib/errors.ts';
import { isName } from './names.ts';
import { run } from './process.ts';

/** What the header of an SRPM says, checked. */
export interface SrpmHeader {
  name: string;
  epoch: number;
  version: string;
  release: string;
  exclusiveArch: string[];
  excludeArch: string[];
  buildArchs: string[];
  /** Seconds since the epoch; 0 when unknown. */
  buildTime: number;
  /** Files the header marks as spec. */
  specs: string[];
}

const RPM_MAGIC = 0xedabeedb;
const SPEC_FLAG = 32;
/** Tags a line each, `key=value`. Formatting a header expands no macro and runs nothing. */
const QUERY = [
  'name=%{NAME}',
  'epoch=%|EPOCH?{%{EPOCH}}:{0}|',
  'version=%{VERSION}',
  'release=%{RELEASE}',
  'binary=%|SOURCERPM?{1}:{0}|',
  'buildtime=%|BUILDTIME?{%{BUILDTIME}}:{0}|',
  '[exclusivearch=%{EXCLUSIVEARCH}',
  '][excludearch=%{EXCLUDEARCH}',
  '][buildarch=%{BUILDARCHS}',
  '][file=%{FILEFLAGS} %{FILENAMES}',
  ']',
].join('\\n');

const word = z.string().regex(/^[!-~]{1,128}$/);
const headerSchema = z.object({
  epoch: z.coerce.number().int().min(0).max(0xffffffff),
  version: word.regex(/^[^/-]+$/),
  release: word.regex(/^[^/-]+$/),
  buildTime: z.coerce.number().int().min(0).max(0xffffffff),
  exclusiveArch: z.array(word).max(1000),
  excludeArch: z.array(word).max(1000),
  buildArchs: z.array(word).max(100),
});

/** Rejects with TerminalError `NotAnRpm`, `BinaryRpm`, `BadPackageName` or `BadHeader`. */
export async function readHeader(srpm: string, signal: AbortSignal): Promise<SrpmHeader> {
  // rpm takes a file without this mark for a list of further files and URLs, so rpm must never see one.
  if (!(await hasRpmMagic(srpm))) {
    throw new TerminalError('NotAnRpm', 'the file is not an RPM package; give the URL of a .src.rpm');
  }
  const args = ['-qp', '--nosignature', '--nomanifest', '--queryformat', QUERY, '--', srpm];
  const result = await run('rpm', args, { signal, maxOutput: 16 * 1024 * 1024 });
  if (result.exitCode !== 0) {
    const words = result.stderr.replaceAll(srpm, 'the file').trim().split('\n')[0] ?? '';
    throw new TerminalError('NotAnRpm', `rpm cannot read the header of the SRPM: ${words.slice(0, 300)}`);
  }
  return parseHeader(result.stdout);
}

async function hasRpmMagic(path: string): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.readUInt32BE(0) === RPM_MAGIC;
  } finally {
    await handle.close();
  }
}

/** Takes the output of the query apart. Exported for its tests. */
export function parseHeader(text: string): SrpmHeader {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const cut = line.indexOf('=');
    const value = line.slice(cut + 1);
    if (cut < 0 || value === '(none)') continue;
    const key = line.slice(0, cut);
    const known = values.get(key);
    if (known) known.push(value);
    else values.set(key, [value]);
  }
  const first = (key: string): string => values.get(key)?.[0] ?? '';
  const name = first('name');
  if (first('binary') === '1') {
    throw new TerminalError('BinaryRpm', `${JSON.stringify(name)} is a binary RPM; give the URL of a .src.rpm`);
  }
  if (!isName('package', name)) {
    const shown = JSON.stringify(name.slice(0, 120));
    throw new TerminalError(
      'BadPackageName',
      `the package name ${shown} is not usable; use letters, digits, ".", "_", "+" and "-"`,
    );
  }
  const parsed = headerSchema.safeParse({
    epoch: first('epoch'),
    version: first('version'),
    release: first('release'),
    buildTime: first('buildtime'),
    exclusiveArch: values.get('exclusivearch') ?? [],
    excludeArch: values.get('excludearch') ?? [],
    buildArchs: values.get('buildarch') ?? [],
  });
  if (!parsed.success) {
    const field = String(parsed.error.issues[0]?.path[0]);
    throw new TerminalError('BadHeader', `the header of the SRPM has an unusable ${field}`);
  }
  return { name, ...parsed.data, specs: specFiles(values.get('file') ?? []) };
}

function specFiles(lines: readonly string[]): string[] {
  const specs: string[] = [];
  for (const line of lines) {
    const cut = line.indexOf(' ');
    if ((Number(line.slice(0, cut)) & SPEC_FLAG) !== 0) specs.push(line.slice(cut + 1));
  }
  return specs;
}
