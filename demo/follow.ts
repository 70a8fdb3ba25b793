import { setTimeout } from 'node:timers/promises';
import type { Cluster } from '../deploy/cluster.ts';
import { say } from '../deploy/progress.ts';

const EVERY_MS = 2_000;

/** Says whenever a stage of a build in the namespace gets into another state. Call the result to end it. */
export function follow(cluster: Cluster, namespace: string): () => Promise<void> {
  const stop = new AbortController();
  const known = new Map<string, string>();

  async function look(): Promise<void> {
    const path = '{range .items[*]}{.metadata.name}{"\\t"}{.status.state}{"\\t"}{.status.message}{"\\n"}{end}';
    const output = await cluster.kubectl(['-n', namespace, 'get', 'chrootbuilds', '-o', `jsonpath=${path}`]);
    for (const line of output.split('\n').filter((text) => text !== '')) {
      const [name = '', state = '', message = ''] = line.split('\t');
      if (known.get(name) === `${state} ${message}`) continue;
      known.set(name, `${state} ${message}`);
      say(`  ${name}: ${state}${message === '' ? '' : ` (${message})`}`);
    }
  }

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      // A missed look is made up for by the next one.
      await look().catch(() => undefined);
      await setTimeout(EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    await look().catch(() => undefined);
  }

  const running = loop();
  return async () => {
    stop.abort();
    await running;
  };
}
