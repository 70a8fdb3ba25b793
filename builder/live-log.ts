import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LIVE_LOG } from './paths.ts';

/**
 * The log a packager reads while the build runs. Every container of the pod appends to the same file, so each write
 * is one append; the agent follows the file and the publisher keeps it.
 */
export interface LiveLog {
  /** One sentence of ours, marked as such so that it is not taken for a tool's output. */
  say(sentence: string): void;
  /** A line of a tool, as it came. */
  line(text: string): void;
  close(): void;
}

const MAX_LINE = 16 * 1024;

/** Past `maxBytes` lines are dropped and one line says so: a flood must fill neither the volume nor the publisher. */
export function openLiveLog(resultsDir: string, maxBytes: number): LiveLog {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const fd = openSync(join(resultsDir, LIVE_LOG), flags, 0o644);
  let size = fstatSync(fd).size;
  let cut = false;

  function append(text: string): void {
    if (cut) return;
    const data = Buffer.from(`${text}\n`);
    if (size + data.length > maxBytes) {
      cut = true;
      writeSync(fd, `kopr: the log is longer than ${maxBytes} bytes; the rest is not kept\n`);
      return;
    }
    size += data.length;
    writeSync(fd, data);
  }

  return {
    say: (sentence) => append(`kopr: ${sentence.replace(/\s+/g, ' ')}`),
    line: (text) => append(text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)} [cut]` : text),
    close: () => closeSync(fd),
  };
}
