import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Builds } from '../../crds/build.ts';
import { installCRDs } from '../../crds/testing/install.ts';
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import type { ListedUpload } from '../../lib/protocol/upload.ts';
import type { ApiClient } from '../../operator/client.ts';
import { createManager, type Manager } from '../../operator/manager.ts';
import { eventually, quietLog } from '../../operator/testing/harness.ts';
import { freshNamespace, realClient } from '../../operator/testing/realApi.ts';
import { addUploadController } from './index.ts';

const OLD = 'a'.repeat(32);
const YOUNG = 'b'.repeat(32);
const NAMED = 'c'.repeat(32);

let client: ApiClient;
let manager: Manager;
let stored: ListedUpload[];
let failures = 1;

function upload(id: string, hours: number): ListedUpload {
  const createdAt = toTimestamp(systemClock.now() - hours * 3_600_000);
  return { id, name: 'hello.spec', size: 1, sha256: 'd'.repeat(64), createdAt };
}

beforeAll(async () => {
  client = await realClient();
  await installCRDs(client);
  const tenant = await freshNamespace(client, 'tenant');
  const release = await freshNamespace(client, 'release');
  stored = [upload(OLD, 25), upload(YOUNG, 23), upload(NAMED, 25)];
  const { id, createdAt: _, ...file } = upload(NAMED, 25);
  await client.create(Builds, {
    metadata: { name: 'hello-1', namespace: tenant },
    spec: { project: 'hello', source: { upload: { id, ...file } }, background: false, cancelled: false },
  });
  manager = createManager({
    client,
    clock: systemClock,
    log: quietLog,
    registry: new Registry(),
    name: 'kopr.dev/test',
    instance: 'test',
    drainMs: 200,
  });
  addUploadController(manager, {
    releaseNamespace: release,
    hours: 24,
    uploads: {
      list: async () => {
        if (failures-- > 0) throw new Error('the publisher is away');
        return stored;
      },
      delete: async (gone) => {
        stored = stored.filter((each) => each.id !== gone);
      },
    },
  });
  await manager.start();
});

afterAll(async () => {
  await manager?.stop();
});

describe('the expiry of uploads', () => {
  it('begins by itself, over a publisher that was away, and takes only what nobody needs', async () => {
    await eventually('the deletion of the old upload', () => stored.length < 3, 20_000);
    expect(stored.map(({ id }) => id)).toEqual([YOUNG, NAMED]);
  });
});
