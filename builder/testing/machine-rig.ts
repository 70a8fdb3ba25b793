import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Clock } from '../../lib/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import type { MachineTarget } from '../../lib/protocol/machine.ts';
import type { BinaryStage, TaskRepo, Verdict } from '../../lib/protocol/task.ts';
import { loadConfig } from '../config.ts';
import { enginePlan } from '../fetch/plan.ts';
import { machineCommand } from '../machine/machine-command.ts';
import type { Command, Process } from '../process.ts';
import { existingVerdict } from '../verdict.ts';
import { ENGINE } from './chroot.ts';
import { temporaryDirectory, tool } from './context.ts';
import { unpackFixture } from './engine-build.ts';
import { binaryTask, TASK_ID } from './tasks.ts';

const FAR = join(import.meta.dirname, '..', 'machine', 'far');

export interface RigOptions {
  /** Source package of test/fixtures. */
  fixtures: string;
  name: string;
  repos: readonly TaskRepo[];
  keyFile: string;
  target: MachineTarget;
  task?: string;
  binary?: Partial<BinaryStage>;
  timeoutSeconds?: number;
  chroot?: string;
  /** Changes the spec before the build. */
  spec?: (text: string) => string;
  /** More environment variables, as of the pod. */
  env?: Readonly<Record<string, string>>;
}

/** The volumes of a driver pod, as fetch has left them, and what runs in it. */
export interface MachineRig {
  path: string;
  results(...names: string[]): string;
  /** Content of a result; empty when it is not there. */
  text(name: string): Promise<string>;
  names(): Promise<string[]>;
  verdict(): Promise<Verdict | undefined>;
  /** The variables of the pod. */
  environment(target?: MachineTarget, keyFile?: string): Record<string, string>;
  /** Runs a sub-command of the builder until it ends; `machine` by default. */
  run(command?: Command, changes?: { target?: MachineTarget; keyFile?: string; clock?: Clock }): Promise<number>;
  /** As the agent does it at the end. */
  sayUploaded(): Promise<void>;
  /** SIGTERM of the pod. */
  ending: AbortController;
  /** What the driver has logged. */
  logged(): string;
  remove(): Promise<void>;
}

export async function openMachineRig(options: RigOptions): Promise<MachineRig> {
  const directory = await temporaryDirectory();
  const { path } = directory;
  for (const name of ['work/plan', 'work/scratch', 'results', 'control'])
    await mkdir(join(path, name), { recursive: true });
  await plan(options, path);
  await writeFile(join(path, 'results', 'builder-live.log'), 'kopr: phase fetch\n');
  let logged = '';
  const write = (line: string): void => {
    logged += line;
  };
  const log = pino({ level: 'debug' }, { write });
  const rig: MachineRig = {
    path,
    ending: new AbortController(),
    results: (...names) => join(path, 'results', ...names),
    text: (name) => readFile(join(path, 'results', name), 'utf8').catch(() => ''),
    names: async () => (await readdir(join(path, 'results'))).sort(),
    verdict: () => existingVerdict(join(path, 'results')),
    sayUploaded: () => writeFile(join(path, 'control', 'uploaded'), ''),
    logged: () => logged,
    environment: (target = options.target, keyFile = options.keyFile) => ({
      KOPR_TASK_FILE: join(path, 'task.json'),
      KOPR_WORK_DIR: join(path, 'work'),
      KOPR_RESULTS_DIR: join(path, 'results'),
      KOPR_CONTROL_DIR: join(path, 'control'),
      KOPR_FAR_DIR: FAR,
      KOPR_SSH_KEY_FILE: keyFile,
      KOPR_KNOWN_HOSTS_FILE: join(path, 'known_hosts'),
      KOPR_MACHINE: JSON.stringify(target),
      ...options.env,
    }),
    run(command = machineCommand, changes = {}) {
      const config = loadConfig(rig.environment(changes.target, changes.keyFile));
      const context: Process = {
        config,
        log,
        clock: changes.clock ?? systemClock,
        random: () => 0,
        ending: rig.ending.signal,
      };
      return command(context);
    },
    remove: () => directory.remove(),
  };
  return rig;
}

async function plan(options: RigOptions, path: string): Promise<void> {
  const sources = await unpackFixture(options.fixtures, options.name);
  const spec = join(sources.path, 'SOURCES', `${options.name}.spec`);
  if (options.spec) await writeFile(spec, options.spec(await readFile(spec, 'utf8')));
  await tool(path, 'cp', '-r', join(sources.path, 'SOURCES'), join(path, 'work', 'sources'));
  await sources.remove();
  const task = binaryTask(
    {
      packageName: options.name,
      repos: [...options.repos],
      buildrootPackages: ['buildsys-build'],
      macros: { dist: '.pb13', vendor: 'kopr "test"' },
      ...options.binary,
    },
    {
      task: options.task ?? TASK_ID,
      timeoutSeconds: options.timeoutSeconds ?? 300,
      ...(options.chroot === undefined ? {} : { chroot: options.chroot }),
    },
  );
  await writeFile(join(path, 'task.json'), JSON.stringify(task));
  const settings = { dnfCacheDir: '/kopr/work/dnf-cache', maxLogBytes: 10_000_000, uploadSeconds: 60 };
  for (const [name, content] of enginePlan(task, task.binary, `${options.name}.spec`, settings)) {
    await writeFile(join(path, 'work', 'plan', name), content);
  }
  await tool(path, 'cp', '-r', `${ENGINE}/.`, join(path, 'work', 'plan'));
  await rm(join(path, 'known_hosts'), { force: true });
}

/** Waits for something that takes as long as a build may on a busy machine. */
export async function eventually(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 1800; tries++) {
    if (await condition()) return;
    await systemClock.sleep(100);
  }
  throw new Error(`${what} did not happen within three minutes`);
}
