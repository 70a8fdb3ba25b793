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

/** The last line of a log that is a JSON object: the report of a program of ours, whatever else was said around it. */
export function lastObject(log: string): unknown {
  for (const line of log.split('\n').reverse()) {
    if (!line.startsWith('{')) continue;
    try {
      return JSON.parse(line) as unknown;
    } catch {
      // Half a line, or a sentence that begins like an object.
    }
  }
  return undefined;
}
