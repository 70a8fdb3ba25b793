import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuildQuotas } from '../../crds/buildquota.ts';
import { Chroots } from '../../crds/chroot.ts';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { ApiClient } from '../../operator/client.ts';
import { FakeApi } from '../../operator/testing/fakeApi.ts';
import { quietLog, testClient } from '../../operator/testing/harness.ts';
import { bootstrap } from './apply.ts';
import { FROM_VALUES, parseObjects, targets } from './objects.ts';
import { advanceUntil } from './testing/advance.ts';

const allowed = targets({ releaseNamespace: 'kopr-system', buildsNamespace: 'kopr-builds' });

function valuesWith(...chroots: string[]) {
  const objects = chroots.map((name) => ({
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Chroot',
    metadata: { name },
    spec: { name, distribution: name, architecture: 'x86_64', container: { image: name } },
  }));
  return parseObjects(JSON.stringify(objects), allowed, 'kopr');
}

describe('bootstrap', () => {
  let api: FakeApi;
  let client: ApiClient;
  const clock = new FakeClock();

  beforeEach(async () => {
    api = new FakeApi({ types: [Chroots, BuilderPools, BuildQuotas] });
    await api.start();
    client = testClient(api.url, { retry: { attempts: 1 } });
  });
  afterEach(async () => {
    await client.close();
    await api.stop();
  });

  const run = (chroots: string[], timeoutMs = 5_000): Promise<void> =>
    bootstrap({ client, clock, log: quietLog }, valuesWith(...chroots), allowed, 'kopr', timeoutMs);
  const names = async (): Promise<string[]> =>
    (await client.list(Chroots)).items.map(({ metadata }) => metadata.name).sort();

  it('creates what the values hold, and may be repeated', async () => {
    await run(['a', 'b']);
    await run(['a', 'b']);
    expect(await names()).toEqual(['a', 'b']);
  });

  it('removes what left the values, and nothing that a person or another release made', async () => {
    await run(['a', 'b']);
    const spec = {
      name: 'x',
      distribution: 'x',
      architecture: 'x',
      container: { image: 'x' },
      buildrootPackages: [],
      state: 'Active' as const,
    };
    await client.create(Chroots, { metadata: { name: 'mine' }, spec });
    await client.create(Chroots, { metadata: { name: 'theirs', labels: { [FROM_VALUES]: 'other' } }, spec });
    await run(['b', 'c']);
    expect(await names()).toEqual(['b', 'c', 'mine', 'theirs']);
  });

  it('waits while the API server does not serve the kinds yet', async () => {
    api.fault({ method: 'PATCH', times: 2, action: { status: 404, reason: 'NotFound' } });
    const running = run(['a']);
    await advanceUntil(running, clock);
    expect(await names()).toEqual(['a']);
  });

  it('gives up after its deadline and says what it waited for', async () => {
    api.fault({ method: 'PATCH', times: 100, action: { status: 403, reason: 'Forbidden' } });
    const running = run(['a'], 3_000);
    running.catch(() => undefined);
    await advanceUntil(running, clock);
    await expect(running).rejects.toThrow(/^Chroot a \(.*403.*\) did not finish within 3 s$/);
  });

  it('does not repeat what the API server refuses for good', async () => {
    api.fault({ method: 'PATCH', action: { status: 422, reason: 'Invalid' } });
    await expect(run(['a'])).rejects.toThrow(/^the API server refuses Chroot a: /);
  });
});
