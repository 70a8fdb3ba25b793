import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aCommandPool, aHostsPool } from '../../controllers/hook/testing/objects.ts';
import { aPool } from '../../controllers/testing/objects.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { FakeClock } from '../../lib/testing/fakeClock.ts';
import type { ApiClient } from '../../operator/client.ts';
import { FakeApi } from '../../operator/testing/fakeApi.ts';
import { quietLog, testClient } from '../../operator/testing/harness.ts';
import { drain } from './drain.ts';
import { advanceUntil } from './testing/advance.ts';

const FINALIZER = 'kopr.dev/test';

describe('drain', () => {
  let api: FakeApi;
  let client: ApiClient;
  const clock = new FakeClock();

  beforeEach(async () => {
    api = new FakeApi({ types: [BuilderPools] });
    await api.start();
    client = testClient(api.url, { retry: { attempts: 1 } });
  });
  afterEach(async () => {
    await client.close();
    await api.stop();
  });

  async function make({ metadata: { name }, spec }: BuilderPool, finalizers: string[] = []): Promise<void> {
    await client.create(BuilderPools, { metadata: { name, namespace: 'kopr-builds', finalizers }, spec });
  }
  const names = async (): Promise<string[]> =>
    (await client.list(BuilderPools)).items.map(({ metadata }) => metadata.name).sort();
  const run = (timeoutMs = 60_000): Promise<void> => drain({ client, clock, log: quietLog }, 'kopr-builds', timeoutMs);

  it('deletes pools of machines, and leaves those of pods', async () => {
    await make(aPool('pods'));
    await make(aCommandPool());
    await make(aHostsPool());
    const running = run();
    await advanceUntil(running, clock);
    await running;
    expect(await names()).toEqual(['pods']);
  });

  it('waits until the operator has deleted their machines', async () => {
    await make(aCommandPool(), [FINALIZER]);
    const running = run();
    await advanceUntil(Promise.race([running, clock.sleep(10_000)]), clock);
    expect(await names()).toEqual(['cloud']);
    api.update(BuilderPools, 'kopr-builds/cloud', ({ metadata }) => {
      metadata.finalizers = [];
    });
    await advanceUntil(running, clock);
    await running;
    expect(await names()).toEqual([]);
  });

  it('gives up after its deadline, and says which pools have machines', async () => {
    await make(aCommandPool(), [FINALIZER]);
    const running = run(5_000);
    running.catch(() => undefined);
    await advanceUntil(running, clock);
    await expect(running).rejects.toThrow(
      /^the deletion of all machines \(BuilderPool cloud has an unknown number of builders\) did not finish within 5 s$/,
    );
  });

  it('has nothing to do where the kind is gone', async () => {
    api.fault({ method: 'GET', action: { status: 404, reason: 'NotFound' } });
    await run();
  });
});
