import { describe, expect, it } from 'vitest';
import { ConfigMaps } from './core.ts';
import type { Write } from './writes.ts';
import { collectingWrites, recordDelete, recordWrite } from './writes.ts';

function written(name: string): void {
  recordWrite(ConfigMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'demo', name, resourceVersion: '7', uid: `uid-${name}` },
  });
}

describe('collectingWrites', () => {
  it('collects what the work writes and deletes, each work its own', async () => {
    const [one, two]: [Write[], Write[]] = [[], []];
    await Promise.all([
      collectingWrites(one, async () => {
        await Promise.resolve();
        written('first');
      }),
      collectingWrites(two, async () => recordDelete(ConfigMaps, 'demo/second', 'uid-second')),
    ]);
    expect(one).toEqual([{ type: ConfigMaps, key: 'demo/first', resourceVersion: '7', uid: 'uid-first' }]);
    expect(two).toEqual([{ type: ConfigMaps, key: 'demo/second', uid: 'uid-second' }]);
  });

  it('keeps what was written before the work failed', async () => {
    const writes: Write[] = [];
    const work = collectingWrites(writes, async () => {
      written('half');
      throw new Error('the rest was refused');
    });
    await expect(work).rejects.toThrow('the rest was refused');
    expect(writes.map(({ key }) => key)).toEqual(['demo/half']);
  });

  it('collects nothing of what the work has begun and goes on after its end', async () => {
    const writes: Write[] = [];
    const { promise: end, resolve: goOn } = Promise.withResolvers<void>();
    let rest: Promise<void> = Promise.resolve();
    await collectingWrites(writes, async () => {
      rest = end.then(() => written('late'));
      written('early');
    });
    goOn();
    await rest;
    expect(writes.map(({ key }) => key)).toEqual(['demo/early']);
  });
});
