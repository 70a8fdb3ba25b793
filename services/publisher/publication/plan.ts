import type { PublicationRequest, ResultFile, TaskManifest } from '../../../lib/protocol/publisher.ts';
import { ApiError } from '../api-error.ts';

/** What is to become of each file of an upload. */
export interface PublicationPlan {
  /** Packages that are checked and, in the binary stage, signed. Empty for a failed build. */
  packages: ResultFile[];
  /** Logs, published compressed. */
  logs: ResultFile[];
  /** Published as they are: spec files and the like. */
  others: ResultFile[];
}

/** Names the publisher itself writes, and names with a meaning to clients; what a build calls so is left out. */
const reserved: ReadonlySet<string> = new Set([
  'success',
  'results.json',
  'build.info',
  'verdict.json',
  'repodata',
  'prev_build_backup',
  'builder-live.log',
  'builder-live.log.gz',
]);

/** The live log, which is in the results directory already. */
export const LIVE_LOG = 'builder-live.log';

export function isLog(name: string): boolean {
  return name.endsWith('.log') || name.endsWith('.log.gz');
}

export function isPackage(name: string): boolean {
  return name.endsWith('.rpm');
}

function isSourcePackage(name: string): boolean {
  return name.endsWith('.src.rpm') || name.endsWith('.nosrc.rpm');
}

/** Of a build that failed, only the logs are published. */
export function planPublication(manifest: TaskManifest, stage: PublicationRequest['stage']): PublicationPlan {
  const files = manifest.files.filter((file) => !reserved.has(file.name));
  const compressed = new Set(files.map((file) => file.name));
  // `x.log` and `x.log.gz` would get the same name; the plain one is the original.
  const logs = files.filter((file) => isLog(file.name) && !compressed.has(file.name.replace(/\.gz$/, '')));
  logs.push(...files.filter((file) => file.name.endsWith('.log')));
  if (manifest.verdict.outcome === 'failed') return { packages: [], logs, others: [] };
  const packages = files.filter((file) => isPackage(file.name));
  if (stage === 'source') checkSourceStage(packages);
  return { packages, logs, others: files.filter((file) => !isLog(file.name) && !isPackage(file.name)) };
}

function checkSourceStage(packages: readonly ResultFile[]): void {
  const [first] = packages;
  if (first === undefined)
    throw refused('NoSourcePackage', 'the source build succeeded but uploaded no source package');
  if (packages.length > 1 || !isSourcePackage(first.name)) {
    const names = packages.map((file) => file.name).slice(0, 5);
    throw refused(
      'InvalidPackage',
      `a source build gives one source package, but this one uploaded ${names.join(', ')}`,
    );
  }
}

/** What was uploaded can never be published: the answer is 422, now and for every repetition. */
export function refused(code: string, message: string): ApiError {
  return new ApiError(422, code, message);
}
