import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from '../../operator/client.ts';
import { ConfigMaps } from '../../operator/core.ts';
import { freshNamespace, realClient } from '../../operator/testing/realApi.ts';
import { createBuildIDs } from './ids.ts';

let client: ApiClient;

beforeAll(async () => {
  client = await realClient();
});

afterAll(() => client.close());

/** No Build has a number yet. */
const NONE = (): number => 0;

describe('build numbers', () => {
  it('start at 1 and have no gap while nobody else takes any', async () => {
    const ids = createBuildIDs(client, await freshNamespace(client, 'ids'), NONE);
    const numbers: number[] = [];
    for (let i = 0; i < 45; i++) numbers.push(await ids.next());
    expect(numbers).toEqual(Array.from({ length: 45 }, (_, i) => i + 1));
  });

  it('are never given twice by leaders that overlap, however many ask at once', async () => {
    const namespace = await freshNamespace(client, 'ids');
    const leaders = Array.from({ length: 4 }, () => createBuildIDs(client, namespace, NONE));
    const numbers = await Promise.all(leaders.flatMap((ids) => Array.from({ length: 50 }, () => ids.next())));
    expect(new Set(numbers).size).toBe(200);
  });

  it('go on after a restart above all that were given', async () => {
    const namespace = await freshNamespace(client, 'ids');
    const before = await createBuildIDs(client, namespace, NONE).next();
    expect(await createBuildIDs(client, namespace, NONE).next()).toBeGreaterThan(before);
  });

  it('are refused when somebody has broken the counter, with the remedy', async () => {
    const namespace = await freshNamespace(client, 'ids');
    await createBuildIDs(client, namespace, NONE).next();
    await client.mergePatch(ConfigMaps, `${namespace}/kopr-build-ids`, { data: { next: 'seven' } });
    await expect(createBuildIDs(client, namespace, NONE).next()).rejects.toThrow(
      'set it to a number above every build number',
    );
  });
});
