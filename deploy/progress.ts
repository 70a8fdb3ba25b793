import { setInterval } from 'node:timers';

/** Seconds without a word after which a long step says that it is still at it. */
const HEARTBEAT_MS = 15_000;

const started = performance.now();

export function say(text: string): void {
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stderr.write(`[${String(seconds).padStart(4)} s] ${text}\n`);
}

/** Runs one step of something long: says what it does, that it is still at it, and how long it took. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  const seconds = (): number => Math.round((performance.now() - begin) / 1000);
  say(`${title} …`);
  const heartbeat = setInterval(() => say(`  ${title}: still at it after ${seconds()} s`), HEARTBEAT_MS);
  try {
    const result = await work();
    say(`${title}: done in ${seconds()} s`);
    return result;
  } finally {
    clearInterval(heartbeat);
  }
}
