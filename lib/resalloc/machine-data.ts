import { parse } from 'yaml';
import { z } from 'zod';
import { HOST_KEY } from '../protocol/machine.ts';

/**
 * What the hook "new" prints of a machine, as hooks of Resalloc do for Copr: its first line is a host name or address, or
 * all of it is a YAML document that begins with `---`.
 */
export interface MachineData {
  host: string;
  port: number;
  user?: string;
  hostKeys: string[];
}

/** So much of the output is kept; Resalloc keeps no more either. */
export const MAX_MACHINE_DATA_BYTES = 512;

const ADDRESS = /^[A-Za-z0-9_][A-Za-z0-9._:-]*$/;
const USER = /^[a-z_][a-z0-9_.-]*\$?$/;

const hostKey = z
  .string()
  .trim()
  .max(4096)
  .regex(HOST_KEY, 'must be a public host key: its type and its base64 text, e.g. ssh-ed25519 AAAA…');

/** Other members are for other readers. One that is misspelt is missed, for nothing is trusted without a host key. */
const document = z.object({
  host: z.string('must be a host name or an address').regex(ADDRESS, 'must be a host name or an address').max(253),
  name: z.union([z.string(), z.number()]).optional(),
  ssh_port: z.coerce.number().int().min(1).max(65_535).default(22),
  user: z.string().regex(USER, 'must be the name of a user').max(64).optional(),
  host_key: z.union([hostKey.transform((key) => [key]), z.array(hostKey).max(8)]).default([]),
});

/** The machine, or a sentence that says what is wrong with the output and how to mend it. */
export function parseMachineData(output: string): { data: MachineData } | { problem: string } {
  const problem = tooLong(output);
  if (problem !== undefined) return { problem };
  const text = output.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  if (/^---\s*$/m.test(text.split('\n', 1)[0] ?? '')) return fromDocument(text);
  const host = (text.split('\n', 1)[0] ?? '').trim();
  if (host === '') {
    return { problem: 'the hook "new" printed nothing; have it print the host name or address of the machine' };
  }
  if (host.length > 253 || !ADDRESS.test(host)) {
    const remedy = 'have the hook print that and nothing before it, and send its messages to stderr';
    return { problem: `the first line that the hook "new" printed is no host name or address; ${remedy}` };
  }
  return { data: { host, port: 22, hostKeys: [] } };
}

/** A sentence when there is more output than is kept, whoever reads it. */
export function tooLong(output: string): string | undefined {
  const bytes = Buffer.byteLength(output);
  if (bytes <= MAX_MACHINE_DATA_BYTES) return undefined;
  return `the hook "new" printed ${bytes} bytes, and ${MAX_MACHINE_DATA_BYTES} are kept; have it print what says how to reach the machine, and send its messages to stderr`;
}

function fromDocument(text: string): { data: MachineData } | { problem: string } {
  let parsed: unknown;
  try {
    parsed = parse(text, { maxAliasCount: 0, logLevel: 'error' });
  } catch {
    return { problem: 'what the hook "new" printed begins with --- but is not a YAML document; check its indentation' };
  }
  const checked = document.safeParse(parsed);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const where = issue?.path[0] ?? 'it';
    return {
      problem: `the YAML document that the hook "new" printed cannot be used: ${String(where)}: ${issue?.message}`,
    };
  }
  const { host, ssh_port: port, user, host_key: hostKeys } = checked.data;
  return { data: { host, port, ...(user === undefined ? {} : { user }), hostKeys } };
}
