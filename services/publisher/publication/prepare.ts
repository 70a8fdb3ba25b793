import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, link, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import {
  ifThere,
  makeDirectory,
  readIfThere,
  removeFile,
  removeTree,
  syncDirectory,
  writeFileAtomic,
} from '../../../lib/durable.ts';
import {
  builtPackage,
  type PublicationRequest,
  publication,
  type TaskManifest,
} from '../../../lib/protocol/publisher.ts';
import { verdict } from '../../../lib/protocol/task.ts';
import { nameReleaseOf } from '../../../lib/repo-file/repo-file.ts';
import type { Nevra } from '../../../lib/rpm/nevra.ts';
import { readPackage } from '../../../lib/rpm/package.ts';
import { signedSignatureHeader, writePackage } from '../../../lib/rpm/sign.ts';
import { signatureTag } from '../../../lib/rpm/tags.ts';
import { ApiError } from '../api-error.ts';
import { isChroot, type Paths, type ProjectName, type ResultDirectory, relativePath } from '../paths.ts';
import type { Visit } from '../project/gate.ts';
import type { ProjectSigner } from '../signer.ts';
import { checkPackage } from './check-package.ts';
import { LIVE_LOG, planPublication } from './plan.ts';
import { binaryReport, buildInfo, sourceReport } from './reports.ts';

/** Everything that will be in the results directory, complete and signed, in `out/` of the upload. */
const preparedSchema = z.object({
  verdict,
  /** Names of all files in `out/`. */
  files: z.array(z.string()),
  packages: z.array(builtPackage),
  srpm: publication.shape.srpm,
  /** Why nothing but logs is published although the build succeeded. */
  refusal: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type Prepared = z.infer<typeof preparedSchema>;

export interface PrepareOptions {
  paths: Paths;
  signer: Pick<ProjectSigner, 'signAll'>;
  blobPath: (task: string, sha256: string) => string;
  /** Runs a step alone in the project, as long as that is there and the results directory is the task's. */
  inDirectory: <T>(input: PublicationInput, step: () => Promise<T>) => Promise<T>;
}

export interface PublicationInput {
  task: string;
  request: PublicationRequest;
  directory: ResultDirectory;
  visit: Visit;
  manifest: TaskManifest;
}

export function outDirectory(paths: Paths, task: string): string {
  return join(paths.upload(task), 'out');
}

function preparedPath(paths: Paths, task: string): string {
  return join(paths.upload(task), 'out.json');
}

/** Checks, signs and compresses. What was prepared before is returned as it is. Results that cannot be published become a refusal. */
export async function prepare(input: PublicationInput, options: PrepareOptions): Promise<Prepared> {
  const before = await readIfThere(preparedPath(options.paths, input.task));
  if (before !== undefined) return preparedSchema.parse(JSON.parse(before.toString('utf8')));
  try {
    return await prepareAll(input, options);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 422) throw error;
    return prepareRefusal(input, { code: error.code, message: error.message }, options);
  }
}

/** Prepares the logs alone, with the reason at their end, in place of whatever was prepared before. */
export async function prepareRefusal(
  input: PublicationInput,
  refusal: { code: string; message: string },
  options: PrepareOptions,
): Promise<Prepared> {
  const live = join(options.paths.result(input.directory), LIVE_LOG);
  await removeFile(preparedPath(options.paths, input.task));
  await options.inDirectory(input, () =>
    appendFile(live, `\npublisher: nothing of this build is published: ${refusal.message}\n`),
  );
  const verdict = {
    outcome: 'failed',
    reason: 'PublicationRefused',
    message: refusal.message.slice(0, 1024),
    exitCode: 1,
  } as const;
  return prepareAll({ ...input, manifest: { ...input.manifest, verdict } }, options, refusal);
}

async function prepareAll(
  input: PublicationInput,
  options: PrepareOptions,
  refusal?: { code: string; message: string },
): Promise<Prepared> {
  const { paths } = options;
  const plan = planPublication(input.manifest, input.request.stage);
  const blob = (file: { sha256: string }): string => options.blobPath(input.task, file.sha256);
  const rules = { stage: input.request.stage, architecture: input.request.architecture };
  const nevras: Nevra[] = [];
  for (const file of plan.packages) nevras.push(await checkPackage(file.name, blob(file), rules));

  const out = outDirectory(paths, input.task);
  await removeTree(out);
  await makeDirectory(out);
  const [source] = plan.packages;
  if (input.request.stage === 'source') {
    if (source !== undefined) await link(blob(source), join(out, source.name));
  } else {
    await signPackages(
      plan.packages.map((file) => ({ from: blob(file), to: join(out, file.name) })),
      input.directory,
      options.signer,
    );
  }
  for (const file of plan.others) await link(blob(file), join(out, file.name));
  const logs = await putLogs(
    input,
    plan.logs.map((file) => ({ name: file.name, path: blob(file) })),
    options,
    out,
  );
  const reports = await writeReports(input, nevras, source?.name, options, out);
  await syncDirectory(out);

  const prepared: Prepared = {
    verdict: input.manifest.verdict,
    files: [...plan.packages.map((file) => file.name), ...plan.others.map((file) => file.name), ...logs, ...reports],
    packages: nevras,
    ...(input.request.stage === 'source' && source !== undefined
      ? { srpm: { path: `${relativePath(input.directory)}/${source.name}`, sha256: source.sha256, size: source.size } }
      : {}),
    ...(refusal === undefined ? {} : { refusal }),
  };
  await writeFileAtomic(preparedPath(paths, input.task), JSON.stringify(prepared));
  return prepared;
}

/** One signing request for all packages; then each is written with our signature and no other. */
async function signPackages(
  files: readonly { from: string; to: string }[],
  directory: ResultDirectory,
  signer: Pick<ProjectSigner, 'signAll'>,
): Promise<void> {
  // Headers are read again when they are hashed: only digests of all of them are in memory at once.
  const headers = files.map(
    ({ from }) =>
      async function* () {
        yield (await readPackage(from)).headerBytes;
      },
  );
  const packets = await signer.signAll(directory, headers);
  for (const [n, { from, to }] of files.entries()) {
    const packet = packets[n];
    if (packet === undefined) throw new Error('keygen returned fewer signatures than digests were sent');
    const head = await readPackage(from);
    await writePackage(from, head, signedSignatureHeader(head.signature, { tag: signatureTag.rsaHeader, packet }), to);
  }
}

async function putLogs(
  { directory }: PublicationInput,
  logs: readonly { name: string; path: string }[],
  { paths }: PrepareOptions,
  out: string,
): Promise<string[]> {
  const live = join(paths.result(directory), LIVE_LOG);
  const all = (await ifThere(stat(live))) === undefined ? logs : [...logs, { name: LIVE_LOG, path: live }];
  const names: string[] = [];
  for (const { name, path } of all) {
    if (name.endsWith('.gz')) {
      await link(path, join(out, name));
      names.push(name);
    } else {
      await compress(path, join(out, `${name}.gz`));
      names.push(`${name}.gz`);
    }
  }
  return names;
}

async function compress(source: string, target: string): Promise<void> {
  await pipeline(createReadStream(source), createGzip(), createWriteStream(target, { flags: 'wx', mode: 0o644 }));
  await syncFile(target);
}

async function writeReports(
  input: PublicationInput,
  nevras: readonly Nevra[],
  source: string | undefined,
  { paths }: PrepareOptions,
  out: string,
): Promise<string[]> {
  const reports: [string, string][] = [['build.info', buildInfo(input.request)]];
  if (input.manifest.verdict.outcome === 'succeeded') {
    const report =
      input.request.stage === 'source' && source !== undefined
        ? sourceReport(await readPackage(join(out, source)), await releasesOf(paths, input.directory))
        : binaryReport(nevras);
    reports.push(['results.json', `${JSON.stringify(report, null, 4)}\n`]);
  }
  for (const [name, text] of reports) await writeFileAtomic(join(out, name), text);
  return reports.map(([name]) => name);
}

/** The distributions and releases the project builds for. */
async function releasesOf(paths: Paths, project: ProjectName): Promise<string[]> {
  const names = (await ifThere(readdir(paths.project(project), { withFileTypes: true }))) ?? [];
  const chroots = names.filter((each) => each.isDirectory() && isChroot(each.name)).map((each) => each.name);
  return [...new Set(chroots.map(nameReleaseOf))];
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
