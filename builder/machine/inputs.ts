import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../exec.ts';
import type { WorkLayout } from '../paths.ts';
import { MachineRefused } from './errors.ts';
import type { FarSide } from './far-side.ts';

/** Plan and sources in one tar file. */
export interface Inputs {
  path: string;
  size: number;
  sha256: string;
}

/** What the machine's engine needs to know beyond what fetch has planned. */
export interface FarPlan {
  engine: 'dnf' | 'mock';
  releasever: string;
  /** Port of the tunnel on the machine; undefined: it reaches the repositories itself. */
  proxyPort: number | undefined;
  /** More files of the plan, as name → content. */
  files: ReadonlyMap<string, string>;
}

export async function packInputs(layout: WorkLayout, plan: FarPlan, signal: AbortSignal): Promise<Inputs> {
  await writeFile(join(layout.plan, 'engine'), `${plan.engine}\n`);
  await writeFile(join(layout.plan, 'releasever'), `${plan.releasever}\n`);
  for (const [name, content] of plan.files) await writeFile(join(layout.plan, name), content);
  if (plan.proxyPort !== undefined) {
    const file = join(layout.plan, 'dnf.conf');
    await writeFile(file, withProxy(await readFile(file, 'utf8'), plan.proxyPort));
  }
  await mkdir(layout.scratch, { recursive: true });
  const path = join(layout.scratch, 'inputs.tar');
  const root = join(layout.plan, '..');
  const result = await run('tar', ['-C', root, '--numeric-owner', '-cf', path, '--', 'plan', 'sources'], {
    what: 'packing the inputs for the machine',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    timeoutMs: 1_800_000,
    signal,
  });
  if (result.code !== 0) throw new Error(`the inputs for the machine cannot be packed: ${result.output.slice(-500)}`);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { path, size: (await stat(path)).size, sha256: hash.digest('hex') };
}

/** Pure: dnf's configuration with all repositories behind the tunnel. Of two proxies the last would win, so there is one. */
export function withProxy(dnfConf: string, port: number): string {
  const [main, ...rest] = dnfConf.split('\n').filter((line) => !line.startsWith('proxy='));
  return [main, `proxy=http://127.0.0.1:${port}`, ...rest].join('\n');
}

/** Sends what is not there yet. May be repeated. */
export async function sendInputs(farSide: FarSide, task: string, inputs: Inputs): Promise<void> {
  const received = await farSide.received(task);
  if (received === 'all') return;
  // More than there is: of another packing. All of it is written over.
  const offset = received > inputs.size ? 0 : received;
  if (offset < inputs.size) await farSide.receive(task, offset, createReadStream(inputs.path, { start: offset }));
  const arrived = await farSide.received(task);
  if (arrived !== 'all' && arrived < inputs.size) throw new MachineRefused('the inputs have not arrived whole');
  await farSide.unpack(task, inputs.sha256);
}
