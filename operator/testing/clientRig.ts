/** A client on a fake API server, whose retries hardly wait. */
import { afterEach, beforeEach } from 'vitest';

import type { ApiClient } from '../client.ts';
import { Pods, Secrets } from '../core.ts';
import { Gadgets, Widgets } from './builders.ts';
import type { FakeApi } from './fakeApi.ts';
import { startFakeApi } from './fakeApi.ts';
import { testClient } from './harness.ts';

export interface ClientRig {
  api: FakeApi;
  client: ApiClient;
}

/** A fresh rig for each test of the file; `take` gets it before the test runs. */
export function useClientRig(take: (rig: ClientRig) => void): void {
  let rig: ClientRig;
  beforeEach(async () => {
    const api = await startFakeApi({ types: [Widgets, Gadgets, Pods, Secrets] });
    rig = { api, client: testClient(api.url, { retry: { baseMs: 1, maxMs: 5 } }) };
    take(rig);
  });
  afterEach(async () => {
    await rig.client.close();
    await rig.api.stop();
  });
}
