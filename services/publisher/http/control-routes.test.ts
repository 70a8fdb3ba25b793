import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchMetrics } from '../../../lib/http/testing/metrics.ts';
import { failed, type TestClient } from '../testing/client.ts';
import { CHROOT, createSite, type Site } from '../testing/site.ts';

let site: Site;
let client: TestClient;
let packages: string[];

beforeAll(async () => {
  site = await createSite();
  ({ client, packages } = site);
});

afterAll(() => site.end());

describe('the control API', () => {
  it('publishes nothing that is not complete or belongs elsewhere', async () => {
    const open = await client.newTask(`demo/hello/${CHROOT}/00000050-hello`);
    await client.log(open, 0, 'x');
    expect(await client.publish(open)).toMatchObject({ status: 409, body: { error: { code: 'NotComplete' } } });
    await client.complete(open, { verdict: failed, files: [] });
    const elsewhere = { ...open, directory: '00000007-hello' };
    expect(await client.publish(elsewhere)).toMatchObject({ status: 410, body: { error: { code: 'ResultsGone' } } });
    await client.log(await client.newTask(`demo/hello/${CHROOT}/00000007-hello`), 0, 'x');
    expect(await client.publish(elsewhere)).toMatchObject({ status: 409, body: { error: { code: 'WrongDirectory' } } });
    expect(await fetchMetrics(site.publisher.ports.metrics)).not.toContain('outcome="error"');
    // What was asked for by mistake has cost nothing.
    expect(await client.publish(open)).toMatchObject({ status: 200 });
  });

  it('answers 202 when the result is not there in time', async () => {
    const task = await client.newTask(`demo/hello/${CHROOT}/00000051-hello`);
    await client.uploadPackages(task, packages);
    expect(await client.publish(task, 'x86_64', 0)).toMatchObject({ status: 202, body: { state: 'working' } });
    expect(await client.published(task)).toMatchObject({ state: 'done' });
  });

  it('shows metrics without a label per project', async () => {
    for (const number of ['00000052', '00000053']) {
      const task = await client.newTask(`demo/hello/${CHROOT}/${number}-hello`);
      await client.uploadPackages(task, packages);
      await client.published(task);
    }
    const text = await fetchMetrics(site.publisher.ports.metrics);
    expect(text).toMatch(/^kopr_createrepo_seconds_count\{mode="incremental"\} [1-9]/m);
    expect(text).toMatch(/^kopr_createrepo_batch_size_count [1-9]/m);
    expect(text).toMatch(/^kopr_publish_lag_seconds_count [1-9]/m);
    expect(text).toMatch(/^kopr_sign_seconds_count [1-9]/m);
    expect(text).toMatch(/^kopr_repo_packages_count [1-9]/m);
    expect(text).not.toMatch(/hello|demo/);
    expect((await fetch(`http://127.0.0.1:${site.publisher.ports.metrics}/readyz`)).status).toBe(200);
  });
});
