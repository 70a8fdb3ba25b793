import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage } from '../../lib/errors.ts';
import type { KeyedLock } from '../../lib/locks.ts';
import type { Logger } from '../../lib/log.ts';
import type { ImportRequest, ImportResult } from '../../lib/protocol/distgit.ts';
import { type FetchRules, fetchSrpm } from './fetch-srpm.ts';
import { readHeader, type SrpmHeader } from './header.ts';
import { type Layout, type PackagePath, repositoryDir } from './layout.ts';
import type { Metrics } from './metrics.ts';
import { commitTree, ensureRepository, type TreeFile, tidy, writeTree } from './repository.ts';
import { putLookaside } from './store.ts';
import { planTree, type TreePlan } from './tree-plan.ts';
import { type UnpackLimits, unpackSrpm } from './unpack.ts';

export interface ImportContext {
  layout: Layout;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  fetchRules: FetchRules;
  unpackLimits: UnpackLimits;
  packageLocks: KeyedLock;
}

/** Tells people where the import is; the text also goes into the per-task log. */
export type Note = (text: string) => Promise<void>;

/**
 * One import from download to commit. Every step may be repeated: content is added under its digest, refs move only
 * when the tree differs, scratch space is the task's own and removed first and last.
 */
export async function importSrpm(
  context: ImportContext,
  task: string,
  request: ImportRequest,
  note: Note,
  signal: AbortSignal,
): Promise<ImportResult> {
  const scratch = join(context.layout.tmp, task);
  await rm(scratch, { recursive: true, force: true });
  const files = join(scratch, 'files');
  await mkdir(files, { recursive: true });
  try {
    return await importInto(context, request, scratch, files, note, signal);
  } finally {
    await rm(scratch, { recursive: true, force: true }).catch((error: unknown) =>
      context.log.warn({ task, error: errorMessage(error) }, 'scratch space could not be removed'),
    );
  }
}

async function importInto(
  context: ImportContext,
  request: ImportRequest,
  scratch: string,
  files: string,
  note: Note,
  signal: AbortSignal,
): Promise<ImportResult> {
  const srpm = join(scratch, 'package.src.rpm');
  await note(`downloading ${request.srpm.url} (${request.srpm.size} bytes)`);
  await fetchSrpm(request.srpm, srpm, context.fetchRules, context.clock, signal);
  await note('reading the header');
  const header = await readHeader(srpm, signal);
  await note(`unpacking ${header.name}-${header.version}-${header.release}`);
  const unpacked = await unpackSrpm(srpm, files, context.unpackLimits, signal);
  const plan = planTree(header.name, header.specs, unpacked);
  const path: PackagePath = { owner: request.owner, project: request.project, package: header.name };
  const repo = `${path.owner}/${path.project}/${path.package}`;
  const branches = await context.packageLocks.run(repo, async () => {
    signal.throwIfAborted();
    await storeArchives(context, path, plan, note, signal);
    await note(`committing ${plan.git.length} files to ${repo} on ${request.branches.join(', ')}`);
    return commit(context, path, header, plan, request, scratch, signal);
  });
  for (const [branch, id] of Object.entries(branches)) await note(`branch ${branch} is at ${id}`);
  return {
    state: 'done',
    package: { name: header.name, epoch: header.epoch, version: header.version, release: header.release },
    repo,
    branches,
    exclusiveArch: header.exclusiveArch,
    excludeArch: header.excludeArch,
    buildArchs: header.buildArchs,
  };
}

/** Before the commit that names them: a commit whose sources are missing must never be seen. */
async function storeArchives(
  context: ImportContext,
  path: PackagePath,
  plan: TreePlan,
  note: Note,
  signal: AbortSignal,
): Promise<void> {
  for (const file of plan.lookaside) {
    signal.throwIfAborted();
    const fresh = await putLookaside(context.layout, path, file);
    context.metrics.lookasideBytes.inc({ kind: fresh ? 'stored' : 'deduplicated' }, file.size);
    await note(`${fresh ? 'stored' : 'already had'} ${file.name} (${file.size} bytes, SHA-512 ${file.sha512})`);
  }
}

async function commit(
  context: ImportContext,
  path: PackagePath,
  header: SrpmHeader,
  plan: TreePlan,
  request: ImportRequest,
  scratch: string,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const dir = repositoryDir(context.layout, path);
  await ensureRepository(dir, scratch, request.branches[0] as string, signal);
  const generated: [string, string][] = [
    ['sources', plan.sources],
    ['.gitignore', plan.gitignore],
  ];
  const tree: TreeFile[] = [...plan.git];
  for (const [name, content] of generated) {
    const file = join(scratch, `generated-${name}`);
    await writeFile(file, content);
    tree.push({ name, executable: false, path: file });
  }
  const id = await writeTree(dir, tree, signal);
  const version = `${header.name}-${header.version}-${header.release}`;
  const stamp = { time: header.buildTime, message: `Import ${version}\n\nSrpm-Sha256: ${request.srpm.sha256}\n` };
  const commits = await commitTree(dir, id, [...new Set(request.branches)], stamp, signal);
  await tidy(dir, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    context.log.warn({ ...path, error: errorMessage(error) }, 'repository could not be packed');
  });
  return commits;
}
