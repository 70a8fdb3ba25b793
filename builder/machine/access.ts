import { readFile } from 'node:fs/promises';
import ssh2 from 'ssh2';
import { TerminalError } from '../../lib/errors.ts';
import type { MachineTarget } from '../../lib/protocol/machine.ts';
import { MACHINE_VARIABLE, machineTarget } from '../../lib/protocol/machine.ts';
import { HostKeyError } from './errors.ts';
import { knownKeys } from './known-hosts.ts';

/** How a machine is reached, and by which keys it is known. */
export interface Access {
  target: MachineTarget;
  privateKey: string;
  /** `type base64`; none: whoever answers is believed, which only `probe` may do. */
  hostKeys: readonly string[];
  revoked: readonly string[];
}

export interface AccessFiles {
  sshKeyFile: string;
  knownHostsFile: string;
}

export function parseTarget(text: string): MachineTarget {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new TerminalError('BadConfiguration', `${MACHINE_VARIABLE} must be the description of a machine as JSON`);
  }
  const parsed = machineTarget.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TerminalError(
    'BadConfiguration',
    `${MACHINE_VARIABLE} is wrong at "${issue?.path.join('.')}": ${issue?.message}`,
  );
}

/** Rejects with a sentence when the key cannot be used, and with HostKeyError when nothing says which machine it must be. */
export async function readAccess(machine: string, files: AccessFiles, options: { firstUse: boolean }): Promise<Access> {
  const target = parseTarget(machine);
  const privateKey = await readPrivateKey(files.sshKeyFile);
  const known = knownKeys(await readOptional(files.knownHostsFile), target.host, target.port);
  const hostKeys = target.hostKeys.length > 0 ? target.hostKeys : known.keys;
  if (hostKeys.length === 0 && !(options.firstUse && target.trustFirstUse)) {
    const why = known.problems.length > 0 ? `: ${known.problems.join('; ')}` : '';
    throw new HostKeyError(
      `no host key is known of ${target.host} port ${target.port}${why}; let the hook "new" print host_key, or name it in the inventory or in known_hosts`,
    );
  }
  return { target, privateKey, hostKeys, revoked: known.revoked };
}

async function readPrivateKey(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`the SSH key ${path} cannot be read; mount the Secret with the key "ssh-privatekey"`, {
      cause: error,
    });
  }
  const parsed = ssh2.utils.parseKey(text);
  // Not the parser's words: nothing of the key may be in a log.
  if (parsed instanceof Error) {
    throw new Error(
      `${path} holds no private key that can be used; it must be one of OpenSSH (or PEM) without a passphrase`,
    );
  }
  const [key] = Array.isArray(parsed) ? parsed : [parsed];
  if (key === undefined || !key.isPrivateKey())
    throw new Error(`${path} holds a public key; the private one is needed`);
  return text;
}

async function readOptional(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
