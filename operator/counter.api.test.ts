import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from './client.ts';
import { ConfigMaps } from './core.ts';
import type { Counter } from './counter.ts';
import { createCounter } from './counter.ts';
import { freshNamespace, realClient } from './testing/realApi.ts';

let client: ApiClient;

beforeAll(async () => {
  client = await realClient();
});

afterAll(() => client.close());

/** Nothing has a number yet. */
function counterIn(namespace: string): Counter {
  return createCounter(client, { namespace, name: 'kopr-build-ids', highest: () => 0 });
}

describe('numbers', () => {
  it('start at 1 and have no gap while nobody else takes any', async () => {
    const ids = counterIn(await freshNamespace(client, 'ids'));
    const numbers: number[] = [];
    for (let i = 0; i < 45; i++) numbers.push(await ids.next());
    expect(numbers).toEqual(Array.from({ length: 45 }, (_, i) => i + 1));
  });

  it('are never given twice by processes that overlap, however many ask at once', async () => {
    const namespace = await freshNamespace(client, 'ids');
    const leaders = Array.from({ length: 4 }, () => counterIn(namespace));
    const numbers = await Promise.all(leaders.flatMap((ids) => Array.from({ length: 50 }, () => ids.next())));
    expect(new Set(numbers).size).toBe(200);
  });

  it('go on after a restart above all that were given', async () => {
    const namespace = await freshNamespace(client, 'ids');
    const before = await counterIn(namespace).next();
    expect(await counterIn(namespace).next()).toBeGreaterThan(before);
  });

  it('are refused when somebody has broken the counter, with the remedy', async () => {
    const namespace = await freshNamespace(client, 'ids');
    await counterIn(namespace).next();
    await client.mergePatch(ConfigMaps, `${namespace}/kopr-build-ids`, { data: { next: 'seven' } });
    await expect(counterIn(namespace).next()).rejects.toThrow('set it to a number above every one');
  });
});
