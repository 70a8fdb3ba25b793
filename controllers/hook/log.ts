import type { ApiClient } from '../../operator/client.ts';
import { isNotFound } from '../../operator/client.ts';
import type { Pod } from '../../operator/core.ts';
import { keyOf } from '../../operator/resource.ts';
import { HOOK_CONTAINER } from './names.ts';

/** The output of "list" is 64 KiB at most; the rest is for what was said before it. */
const KEEP_BYTES = 128 * 1024;
const TAIL_LINES = 20_000;

/**
 * The end of the log of a Job's pod; undefined when it can no longer be had. Whatever else goes wrong is thrown: the log
 * may be there the next time.
 */
export async function jobLog(
  client: ApiClient,
  pods: readonly Pod[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const [pod] = pods;
  if (pod === undefined) return undefined;
  let chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of client.podLog(keyOf(pod), { container: HOOK_CONTAINER, tailLines: TAIL_LINES, signal })) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > 2 * KEEP_BYTES) {
        chunks = [Buffer.concat(chunks).subarray(-KEEP_BYTES)];
        size = KEEP_BYTES;
      }
    }
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  return Buffer.concat(chunks).subarray(-KEEP_BYTES).toString();
}
