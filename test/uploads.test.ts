import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUploads, type Uploads } from '../api/uploads/client.ts';
import { fetchUpload } from '../builder/sources/upload.ts';
import { fetchContext } from '../builder/testing/context.ts';
import { systemClock } from '../lib/clock.ts';
import { uploadPath } from '../lib/protocol/upload.ts';
import type { RunningProcess } from '../lib/testing/process.ts';
import {
  createWorld,
  type Publisher,
  startNginx,
  startPublisher,
  type World,
} from '../services/publisher/testing/processes.ts';

/** An upload on its whole way: the API's client, the publisher and its web server as they run in a cluster, and the builder's fetch. */

const MIB = 1024 * 1024;

let world: World;
let publisher: Publisher;
let nginx: RunningProcess & { port: number };
let uploads: Uploads;

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-uploads-')));
  const key = randomBytes(32);
  const keyFile = join(world.directory, 'upload.key');
  await writeFile(keyFile, key);
  nginx = await startNginx(world.directory, world.data);
  publisher = await startPublisher(world, { KOPR_UPLOAD_KEY_FILE: keyFile, KOPR_MAX_UPLOAD_BYTES: String(64 * MIB) });
  uploads = createUploads({
    publisherURL: `http://127.0.0.1:${publisher.ports.http}`,
    key: new Uint8Array(key),
    clock: systemClock,
    log: pino({ level: 'silent' }),
    maxBytes: 64 * MIB,
  });
});
afterAll(async () => {
  await uploads.close();
  await publisher.end('SIGKILL');
  await nginx.end('SIGTERM');
  await world.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});

function store(filename: string, stream: Readable, signal = AbortSignal.timeout(30_000)) {
  return uploads.store({ user: 'alice', filename, stream }, signal);
}

describe('an upload', () => {
  it('comes from the API to the builder as it is, and is gone when it is discarded', async () => {
    const content = randomBytes(3 * MIB);
    const stored = await store('häl+lo^1.SRC.RPM', Readable.from([content.subarray(0, 7), content.subarray(7)]));
    expect(stored).toMatchObject({ name: 'h_l+lo^1.src.rpm', size: 3 * MIB });
    const url = `http://127.0.0.1:${nginx.port}${uploadPath(stored)}`;
    const directory = await mkdtemp(join(world.directory, 'sources-'));
    const { id: _, ...file } = stored;
    const fetched = await fetchUpload({ ...file, url }, directory, fetchContext({ server: 'own' }));
    expect(fetched).toEqual({ kind: 'srpm', file: stored.name });
    expect((await readFile(join(directory, stored.name))).equals(content)).toBe(true);
    await uploads.discard('alice', stored);
    await expect(fetchUpload({ ...file, url }, directory, fetchContext({ server: 'own' }))).rejects.toMatchObject({
      code: 'SourceFetchFailed',
    });
  });

  it('that is too large is refused while it comes', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(MIB);
      })(),
    );
    const attempt = store('a.spec', endless);
    await expect(attempt).rejects.toMatchObject({ status: 413 });
    await expect.poll(() => readdir(join(world.data, 'work'))).toEqual([]);
  });

  it('whose client is gone leaves nothing', async () => {
    const abort = new AbortController();
    const slow = Readable.from(
      (async function* () {
        for (;;) {
          yield Buffer.alloc(1000);
          await systemClock.sleep(20);
        }
      })(),
    );
    const attempt = store('a.spec', slow, abort.signal);
    await expect.poll(() => readdir(join(world.data, 'work'))).toHaveLength(1);
    abort.abort(new Error('the client is gone'));
    await expect(attempt).rejects.toThrow('the client is gone');
    await expect.poll(() => readdir(join(world.data, 'work'))).toEqual([]);
    expect(await readdir(join(world.data, 'uploads'))).toEqual([]);
  });
});
