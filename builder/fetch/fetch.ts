import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import type { BinaryStage, SourceStage, TaskDocument } from '../../lib/protocol/task.ts';
import type { WorkLayout } from '../paths.ts';
import { Refusal } from '../retry.ts';
import type { StepFetchContext } from '../sources/fetch-step.ts';
import type { FetchedSource } from '../sources/fetched.ts';
import { SOURCE_FILE } from '../sources/fetched.ts';
import { checkout, fetchGit } from '../sources/git.ts';
import { fetchLink } from '../sources/link.ts';
import { fetchUpload } from '../sources/upload.ts';
import { stageOf } from '../task-file.ts';
import { fetchLookaside } from './lookaside.ts';
import { onlySpec } from './only-spec.ts';
import type { PlanSettings } from './plan.ts';
import { enginePlan } from './plan.ts';
import { readSourceToken } from './source-token.ts';

export interface FetchJob {
  task: TaskDocument;
  layout: WorkLayout;
  enginesDir: string;
  sourceTokenFile: string;
  settings: PlanSettings;
  context: StepFetchContext;
}

/**
 * Fills the work volume for the next container. May be run again after a crash: what an earlier run left is thrown
 * away. TerminalError: the task cannot be done; any other error: it was not tried.
 */
export async function fetchInputs(job: FetchJob): Promise<void> {
  const stage = stageOf(job.task);
  await rm(job.layout.sources, { recursive: true, force: true });
  await rm(job.layout.plan, { recursive: true, force: true });
  await mkdir(job.layout.plan, { recursive: true });
  job.context.log.say('phase fetch');
  if (stage.kind === 'source') await fetchSource(stage.source, job);
  else await fetchBinary(stage.binary, job);
}

async function fetchSource(source: SourceStage, job: FetchJob): Promise<void> {
  const fetched = await bySourceMethod(source, job);
  await writeFile(join(job.layout.plan, SOURCE_FILE), `${JSON.stringify(fetched)}\n`);
}

async function bySourceMethod(source: SourceStage, job: FetchJob): Promise<FetchedSource> {
  const context = { ...job.context, scratch: job.layout.scratch, server: 'stranger' as const };
  const directory = job.layout.sources;
  if (Object.values(source).filter((method) => method !== undefined).length !== 1) {
    throw new TerminalError('InvalidTask', 'the task document needs exactly one source method');
  }
  if (source.git) return await fetchGit(source.git, directory, context);
  await mkdir(directory, { recursive: true });
  if (source.upload) return await fetchUpload(source.upload, directory, { ...context, server: 'own' });
  if (source.link) return await fetchLink(source.link.url, directory, context);
  throw new TerminalError('InvalidTask', 'the task document names a source method that this builder does not know');
}

async function fetchBinary(binary: BinaryStage, job: FetchJob): Promise<void> {
  // First, because the engine is also what waits for the upload of a verdict that is reached here.
  await cp(join(job.enginesDir, 'container'), job.layout.plan, { recursive: true });
  const directory = job.layout.sources;
  try {
    await fetchFromDistgit(binary, job);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const sentence = `distgit does not let this pod read ${binary.repoURL}: ${error.message}`;
    job.context.log.say(sentence);
    throw new Error(sentence, { cause: error });
  }
  const spec = await onlySpec(directory, binary.packageName);
  for (const [name, content] of enginePlan(job.task, binary, spec, job.settings)) {
    await writeFile(join(job.layout.plan, name), content);
  }
}

async function fetchFromDistgit(binary: BinaryStage, job: FetchJob): Promise<void> {
  const token = await readSourceToken(job.sourceTokenFile);
  const context = { ...job.context, scratch: job.layout.scratch, server: 'own' as const, token };
  const directory = job.layout.sources;
  const wanted = { url: binary.repoURL, committish: binary.commit, directory, submodules: false };
  const commit = await checkout(wanted, context);
  if (commit !== binary.commit) throw new Error(`distgit answered with commit ${commit} instead of ${binary.commit}`);
  await fetchLookaside(directory, binary.lookasideURL, context);
}
