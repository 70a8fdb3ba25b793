import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

const execute = promisify(execFile);

export interface SrpmRecipe {
  name: string;
  version?: string;
  release?: string;
  epoch?: number;
  /** Contents of Source0, Source1, … by file name. */
  sources?: Record<string, string | Buffer>;
  /** Further preamble lines. */
  preamble?: string[];
  /** File name of the spec; `<name>.spec` by default. */
  spec?: string;
  /** Compression as in rpm's `_source_payload`; gzip by default. */
  payload?: string;
}

export function specText(recipe: SrpmRecipe): string {
  return [
    `Name: ${recipe.name}`,
    ...(recipe.epoch === undefined ? [] : [`Epoch: ${recipe.epoch}`]),
    `Version: ${recipe.version ?? '1.0'}`,
    `Release: ${recipe.release ?? '1'}`,
    'Summary: A package for tests',
    'License: Apache-2.0',
    ...Object.keys(recipe.sources ?? {}).map((name, index) => `Source${index}: ${name}`),
    ...(recipe.preamble ?? []),
    '%description',
    'A package for tests.',
    '%files',
    '',
  ].join('\n');
}

/** A real SRPM made by rpmbuild; its build time is fixed. Returns its path. */
export async function makeSrpm(dir: string, recipe: SrpmRecipe): Promise<string> {
  const top = join(dir, `${recipe.name}-${recipe.version ?? '1.0'}-${recipe.release ?? '1'}`);
  await mkdir(join(top, 'SOURCES'), { recursive: true });
  for (const [name, content] of Object.entries(recipe.sources ?? {})) {
    await writeFile(join(top, 'SOURCES', name), content, { mode: name.endsWith('.sh') ? 0o755 : 0o644 });
  }
  const spec = join(top, recipe.spec ?? `${recipe.name}.spec`);
  await writeFile(spec, specText(recipe));
  const { stdout } = await execute(
    'rpmbuild',
    ['-bs', '--define', `_topdir ${top}`, '--define', `_source_payload ${recipe.payload ?? 'w1.gzdio'}`, spec],
    {
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: top, LC_ALL: 'C.UTF-8', SOURCE_DATE_EPOCH: '1700000000' },
    },
  );
  const path = /Wrote: (.*\.src\.rpm)/.exec(stdout)?.[1];
  if (path === undefined) throw new Error(`rpmbuild made no SRPM: ${stdout}`);
  return path;
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export interface CpioMember {
  name: string;
  content?: string | Buffer;
  mode?: number;
  links?: number;
}

/** A "newc" archive with whatever is asked for, however wicked. */
export function makeCpio(members: readonly CpioMember[]): Buffer {
  const parts: Buffer[] = [];
  for (const member of [...members, { name: 'TRAILER!!!', mode: 0 }]) {
    const name = Buffer.from(`${member.name}\0`);
    const content = Buffer.from(('content' in member ? member.content : undefined) ?? '');
    const links = ('links' in member ? member.links : undefined) ?? 1;
    const fields = [1, member.mode ?? 0o100644, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    parts.push(pad(Buffer.concat([Buffer.from(header), name])), pad(content));
  }
  return Buffer.concat(parts);
}

function pad(part: Buffer): Buffer {
  return Buffer.concat([part, Buffer.alloc((4 - (part.length % 4)) % 4)]);
}

const PAYLOAD_SIZE_TAG = 1007;

/** The SRPM at `path` (gzip payload) with another payload behind the same header, its announced size put right. */
export async function withPayload(path: string, cpio: Buffer): Promise<Buffer> {
  const srpm = await readFile(path);
  const lead = 96;
  const signature = headerEnd(srpm, lead);
  const main = headerEnd(srpm, Math.ceil(signature / 8) * 8);
  const entries = srpm.readUInt32BE(lead + 8);
  for (let entry = lead + 16; entry < lead + 16 + entries * 16; entry += 16) {
    if (srpm.readUInt32BE(entry) !== PAYLOAD_SIZE_TAG) continue;
    srpm.writeUInt32BE(cpio.length, lead + 16 + entries * 16 + srpm.readUInt32BE(entry + 8));
  }
  return Buffer.concat([srpm.subarray(0, main), gzipSync(cpio)]);
}

function headerEnd(rpm: Buffer, start: number): number {
  if (rpm.readUInt32BE(start) !== 0x8eade801) throw new Error('no header here');
  return start + 16 + rpm.readUInt32BE(start + 8) * 16 + rpm.readUInt32BE(start + 12);
}
