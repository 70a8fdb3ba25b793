/** A real etcd and kube-apiserver for tests: no nodes, no controllers, so nothing moves but what the test moves. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { systemClock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { envtestConfig } from './config.ts';

const ROOT = join(import.meta.dirname, '../..');
/** It is up in 3 s; the first start on a machine builds the programs. */
const START_MS = 15 * 60_000;
const STOP_MS = 20_000;

export interface Envtest {
  /** Path of an administrator's kubeconfig. */
  kubeconfig: string;
  stop: () => Promise<void>;
}

export async function startEnvtest(): Promise<Envtest> {
  const dir = await mkdtemp(join(tmpdir(), 'kopr-envtest-'));
  const { command } = envtestConfig(ROOT);
  const [program, ...args] = command;
  const child = spawn(program, [...args, '--dir', dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`cannot start ${program}: ${error.message}`)));
    child.once('exit', () => resolve());
  });
  const stop = async (): Promise<void> => {
    await end(child, ended);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const kubeconfig = await withDeadline(
      { clock: systemClock, ms: START_MS, what: 'the start of the API server' },
      (signal) => Promise.race([firstLine(child.stdout), ended.then(() => undefined), rejection(signal)]),
    );
    if (kubeconfig === undefined)
      throw new Error(`${command.join(' ')} ended before it printed a kubeconfig's path; its errors are above`);
    return { kubeconfig, stop };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

/** Closing its input is the orderly way; a signal follows when that is not heard. */
async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.stdin?.end();
  try {
    await withDeadline({ clock: systemClock, ms: STOP_MS, what: 'the end of the API server' }, (signal) =>
      Promise.race([ended, rejection(signal)]),
    );
  } catch {
    child.kill('SIGKILL');
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

async function firstLine(stream: Readable): Promise<string | undefined> {
  for await (const line of createInterface({ input: stream })) return line.trim();
  return undefined;
}
