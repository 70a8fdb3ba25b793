import { randomBytes } from 'node:crypto';
import { access, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { TerminalError } from '../lib/errors.ts';
import type { Verdict } from '../lib/protocol/task.ts';
import { verdict as verdictSchema } from '../lib/protocol/task.ts';
import { oneSentence } from '../lib/text/one-sentence.ts';
import { REFUSED, UPLOADED, VERDICT } from './paths.ts';

export function succeeded(message: string): Verdict {
  return { outcome: 'succeeded', reason: 'Succeeded', message: oneSentence(message), exitCode: 0 };
}

export function failed(reason: string, message: string, exitCode = 1): Verdict {
  return { outcome: 'failed', reason, message: oneSentence(message), exitCode };
}

/** The verdict a TerminalError stands for. */
export function failure(error: TerminalError): Verdict {
  const reason = verdictSchema.shape.reason.safeParse(error.code).success ? error.code : 'BuildFailed';
  return failed(reason, error.message);
}

/** Written last and by rename: whoever sees the file sees a finished task. */
export async function writeVerdict(resultsDir: string, verdict: Verdict): Promise<void> {
  const temporary = join(resultsDir, `.verdict-${randomBytes(6).toString('hex')}`);
  const file = await open(temporary, 'wx', 0o644);
  try {
    await file.writeFile(`${JSON.stringify(verdict)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(resultsDir, VERDICT));
}

/** Has an earlier container of the pod ended the task already? Throws for a file that is not a verdict. */
export async function existingVerdict(resultsDir: string): Promise<Verdict | undefined> {
  try {
    return verdictSchema.parse(JSON.parse(await readFile(join(resultsDir, VERDICT), 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export type UploadState = 'uploaded' | 'refused' | 'timeout';

/** The pod may only end when its results are safe: its volumes die with it. */
export async function waitForUpload(
  controlDir: string,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<UploadState> {
  const deadline = clock.monotonic() + timeoutMs;
  while (clock.monotonic() < deadline) {
    if (await exists(join(controlDir, UPLOADED))) return 'uploaded';
    if (await exists(join(controlDir, REFUSED))) return 'refused';
    await clock.sleep(250, signal);
  }
  return 'timeout';
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
