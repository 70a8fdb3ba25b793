import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BinaryStage, TaskRepo, Verdict } from '../../lib/protocol/task.ts';
import { verdict as verdictSchema } from '../../lib/protocol/task.ts';
import { enginePlan } from '../fetch/plan.ts';
import type { Chroot, EngineOptions, Pod } from './chroot.ts';
import { openPod, runEngine } from './chroot.ts';
import { temporaryDirectory, tool } from './context.ts';
import type { ProgramRun } from './namespaces.ts';
import { binaryTask } from './tasks.ts';

/** What a build with the engine script has left. */
export interface EngineBuild extends ProgramRun {
  pod: Pod;
  /** Names in the results directory, sorted. */
  results: string[];
  /** Content of a result as text; empty when it is not there. */
  text(name: string): string;
  verdict: Verdict | undefined;
}

export interface BuildOptions extends EngineOptions {
  binary?: Partial<BinaryStage>;
  repos?: readonly TaskRepo[];
  timeoutSeconds?: number;
  maxLogBytes?: number;
  uploadSeconds?: number;
  /** Changes the spec before the build. */
  spec?: (text: string) => string;
  /** Changes the plan before the build. */
  plan?: Record<string, string>;
  /** Called with the pod before the engine runs. */
  prepare?: (pod: Pod) => Promise<void>;
  /** Left in the control directory before the build; default `uploaded`. */
  control?: string;
}

export function baseRepo(chroot: Chroot): TaskRepo {
  return { id: 'pebble', name: 'Pebble', baseurl: chroot.repoURL, gpgcheck: false, skipIfUnavailable: false };
}

/** Builds one of the source packages in `fixtures`, a directory made by test/fixtures/build.ts. */
export async function buildFixture(
  fixtures: string,
  name: string,
  chroot: Chroot,
  options: BuildOptions = {},
): Promise<EngineBuild> {
  const sources = await unpackFixture(fixtures, name);
  const spec = join(sources.path, 'SOURCES', `${name}.spec`);
  if (options.spec) await writeFile(spec, options.spec(await readFile(spec, 'utf8')));
  const task = binaryTask(
    {
      packageName: name,
      repos: [baseRepo(chroot), ...(options.repos ?? [])],
      macros: { dist: '.pb13', vendor: 'kopr "test"' },
      ...options.binary,
    },
    { timeoutSeconds: options.timeoutSeconds ?? 120 },
  );
  const plan = enginePlan(task, task.binary, `${name}.spec`, {
    dnfCacheDir: '/kopr/work/dnf-cache',
    maxLogBytes: options.maxLogBytes ?? 10_000_000,
    uploadSeconds: options.uploadSeconds ?? 20,
  });
  for (const [file, content] of Object.entries(options.plan ?? {})) plan.set(file, content);
  const pod = await openPod(plan, join(sources.path, 'SOURCES'));
  await sources.remove();
  await writeFile(join(pod.control, options.control ?? 'uploaded'), '');
  await options.prepare?.(pod);
  return report(pod, await runEngine(chroot, pod, options));
}

export async function unpackFixture(
  fixtures: string,
  name: string,
): Promise<Awaited<ReturnType<typeof temporaryDirectory>>> {
  const directory = await temporaryDirectory();
  const srpm = (await readdir(fixtures)).find((file) => file.startsWith(`${name}-`) && file.endsWith('.src.rpm'));
  const defines = ['--define', `_topdir ${directory.path}`, '--define', `_dbpath ${directory.path}/db`];
  await tool(directory.path, 'rpm', ...defines, '-i', '--nosignature', join(fixtures, srpm ?? name));
  await mkdir(join(directory.path, 'SOURCES'), { recursive: true });
  await tool(directory.path, 'mv', join('SPECS', `${name}.spec`), 'SOURCES/');
  return directory;
}

async function report(pod: Pod, run: ProgramRun): Promise<EngineBuild> {
  const results = (await readdir(pod.results)).sort();
  const texts = new Map<string, string>();
  for (const name of results.filter((one) => /\.(log|json|spec)$/.test(one))) {
    texts.set(name, await readFile(join(pod.results, name), 'utf8'));
  }
  const text = (name: string): string => texts.get(name) ?? '';
  const json = text('verdict.json');
  return { ...run, pod, results, text, verdict: json === '' ? undefined : verdictSchema.parse(JSON.parse(json)) };
}
