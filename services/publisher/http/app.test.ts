import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { mintControlToken, mintTaskToken } from '../../../lib/protocol/token.ts';
import { TestClient } from '../testing/client.ts';
import { createIngest, type Ingest } from '../testing/ingest.ts';
import { startPublisher } from '../testing/processes.ts';

let ingest: Ingest;
let client: TestClient;

beforeAll(async () => {
  ingest = await createIngest();
  ({ client } = ingest);
});

afterAll(() => ingest.end());

describe('the API', () => {
  it('lets nobody in without the right token', async () => {
    const task = await ingest.freshTask();
    const other = await ingest.freshTask();
    const key = new Uint8Array(ingest.world.tokenKey);
    const control = await mintControlToken(key, 'operator', 'publisher', systemClock);
    const foreign = await mintTaskToken(
      new Uint8Array(randomBytes(32)),
      { task: task.task, dir: 'a/b/c-d/00000001' },
      60,
      systemClock,
    );
    const expired = await mintTaskToken(key, { task: task.task, dir: 'a/b/c-d/00000001' }, -120, systemClock);
    const path = `/v1/tasks/${task.task}`;
    const statuses: Record<string, number> = {};
    for (const [who, token] of Object.entries({
      nobody: '',
      control,
      foreign,
      expired,
      other: other.token,
      garbage: 'x.y.z',
    })) {
      statuses[who] = (await client.send('POST', `${path}/log/builder-live.log?offset=0`, token, 'x')).status;
    }
    expect(statuses).toEqual({ nobody: 401, control: 401, foreign: 401, expired: 401, other: 403, garbage: 401 });
    for (const [method, target] of [
      ['GET', path],
      ['DELETE', path],
      ['PUT', `/v1/publications/${task.task}`],
      ['PUT', '/v1/projects/demo/hello'],
      ['DELETE', '/v1/projects/demo/hello'],
    ] as const) {
      expect((await client.send(method, target, task.token, method === 'GET' ? undefined : '{}')).status).toBe(401);
    }
  });

  it.each([
    '../../etc/x-y/00000001',
    'demo/../x-y/00000001',
    'demo/hello/x-y/..',
    'demo/hello/x-y/00000001/more',
    'demo/hello/x-y',
    'demo/hello/repo/00000001',
    'demo/.hidden/x-y/00000001',
    'demo/hello/x-y/hello',
    '@/hello/x-y/00000001',
    'demo//x-y/00000001',
  ])('takes no token for the directory %s', async (dir) => {
    const task = await client.newTask(dir);
    expect(await client.log(task, 0, 'x')).toMatchObject({ status: 400, body: { error: { code: 'InvalidName' } } });
  });

  it('answers what it does not know with a sentence', async () => {
    expect(await client.send('GET', '/nowhere', '')).toMatchObject({
      status: 404,
      body: { error: { code: 'NotFound' } },
    });
    const task = await ingest.freshTask();
    expect(await client.send('POST', `/v1/tasks/${task.task}/log/a.log?offset=-1`, task.token, 'x')).toMatchObject({
      status: 400,
    });
    expect(
      await client.send('POST', `/v1/tasks/${task.task}/log/%E0%A4%A.log?offset=0`, task.token, 'x'),
    ).toMatchObject({ status: 400 });
    expect(await client.control('PUT', '/v1/projects/demo/a%2fb', {})).toMatchObject({ status: 400 });
  });

  it('says that the disk is full before it is', async () => {
    const strict = await startPublisher(ingest.world, {
      KOPR_MIN_FREE_BYTES: String(2 ** 52),
      KOPR_DATA_DIR: join(ingest.world.directory, 'full'),
    });
    const other = new TestClient(ingest.world.tokenKey, strict.ports.http);
    const task = await other.newTask('demo/hello/pebble-13-x86_64/00000001-hello');
    expect(await other.file(task, 'a', Buffer.from('x'))).toMatchObject({
      status: 507,
      body: { error: { code: 'DiskFull' } },
    });
    expect(await strict.end('SIGTERM')).toBe(0);
  });
});
