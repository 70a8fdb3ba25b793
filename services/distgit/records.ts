import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { makeDirectory, writeFileAtomic } from '../../lib/durable.ts';
import { hasCode } from '../../lib/errors.ts';
import { type ImportRequest, importResult } from '../../lib/protocol/distgit.ts';
import { type Layout, recordPath } from './layout.ts';

/** The final answer to a task: nothing that may be different when tried again is ever recorded. */
const recordSchema = z.object({
  /** Digest of the request, so that one task never answers two questions. */
  request: z.string(),
  outcome: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('done'), result: importResult }),
    z.object({ kind: z.literal('refused'), code: z.string(), message: z.string() }),
  ]),
});
export type ImportRecord = z.infer<typeof recordSchema>;
export type FinalOutcome = ImportRecord['outcome'];

/** The URL is left out: where an SRPM is fetched from may change between two askings, what it is may not. */
export function requestDigest(request: ImportRequest): string {
  const { owner, project, build, srpm, branches } = request;
  const canonical = [owner, project, build, srpm.sha256, srpm.size, branches];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

/** Undefined when the task has no final answer yet. */
export async function readRecord(layout: Layout, task: string): Promise<ImportRecord | undefined> {
  let text: string;
  try {
    text = await readFile(recordPath(layout, task), 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  return recordSchema.parse(JSON.parse(text));
}

export async function writeRecord(layout: Layout, task: string, record: ImportRecord): Promise<void> {
  const path = recordPath(layout, task);
  await makeDirectory(dirname(path));
  await writeFileAtomic(path, JSON.stringify(record));
}
