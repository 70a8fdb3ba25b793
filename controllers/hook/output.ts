import type { z } from 'zod';
import { parseJson } from '../../lib/json.ts';
import { oneSentence } from '../shared/notes.ts';

/** Stands alone on a line between what a hook said on stderr and its output. */
export const BEGIN_OUTPUT = '---- output of the hook ----';

const TAIL = 200;

/** What a hook that has succeeded wrote to its standard output; undefined when the log does not have it. */
export function outputOf(log: string): string | undefined {
  const mark = `\n${BEGIN_OUTPUT}\n`;
  const at = log.lastIndexOf(mark);
  return at < 0 ? undefined : log.slice(at + mark.length);
}

/** The end of what a hook said before it failed: for events, which must not hold what it printed as its output. */
export function lastWords(log: string): string {
  const at = log.lastIndexOf(`\n${BEGIN_OUTPUT}\n`);
  const said = oneSentence(at < 0 ? log : log.slice(0, at), Number.MAX_SAFE_INTEGER);
  return said.length <= TAIL ? said : `…${said.slice(1 - TAIL)}`;
}

/**
 * The report of a program of ours: the last line of its log that is such an object. Lines of its own log are objects
 * too, and may come after it.
 */
export function reportIn<T>(log: string, schema: z.ZodType<T>): T | undefined {
  for (const line of log.split('\n').reverse()) {
    const checked = schema.safeParse(line.startsWith('{') ? parseJson(line) : undefined);
    if (checked.success) return checked.data;
  }
  return undefined;
}
