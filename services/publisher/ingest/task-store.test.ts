import { randomUUID } from 'node:crypto';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, failed, manifestOf, succeeded, type TestClient } from '../testing/client.ts';
import { createIngest, type Ingest } from '../testing/ingest.ts';

let ingest: Ingest;
let client: TestClient;

beforeAll(async () => {
  ingest = await createIngest();
  ({ client } = ingest);
});

afterAll(() => ingest.end());

describe('a task', () => {
  const files = [{ name: 'hello.spec', content: Buffer.from('Name: hello\n') }];

  it('is complete with its manifest, and immutable afterwards', async () => {
    const task = await ingest.freshTask();
    const state = (): Promise<unknown> => client.control('GET', `/v1/tasks/${task.task}`).then((answer) => answer.body);
    expect(await state()).toEqual({ state: 'none' });
    await client.log(task, 0, 'x');
    expect(await state()).toEqual({ state: 'receiving' });
    await client.file(task, 'hello.spec', files[0]?.content ?? Buffer.alloc(0));
    const manifest = manifestOf(files, succeeded);
    expect(await client.complete(task, manifest)).toMatchObject({ status: 200 });
    expect(await client.complete(task, manifest)).toMatchObject({ status: 200 });
    expect(await client.complete(task, manifestOf(files, failed))).toMatchObject({ status: 409 });
    expect(await client.file(task, 'more', Buffer.from('more'))).toMatchObject({ status: 409 });
    expect(await state()).toEqual({ state: 'complete', manifest });
  });

  it('refuses a manifest that names a file twice, or is none', async () => {
    const task = await ingest.freshTask();
    await client.file(task, 'a', Buffer.from('a'));
    const [file] = manifestOf([{ name: 'a', content: Buffer.from('a') }], succeeded).files;
    if (file === undefined) throw new Error('no file');
    expect(await client.complete(task, { verdict: succeeded, files: [file, file] })).toMatchObject({ status: 400 });
    expect(await client.send('POST', `/v1/tasks/${task.task}/complete`, task.token, '{')).toMatchObject({
      status: 400,
    });
    expect(await client.send('POST', `/v1/tasks/${task.task}/complete`, task.token, '{}')).toMatchObject({
      status: 400,
    });
  });

  it('that was forgotten cannot send any more', async () => {
    const task = await ingest.freshTask();
    await client.log(task, 0, 'x');
    expectStatus(await client.control('DELETE', `/v1/tasks/${task.task}`), 204);
    expectStatus(await client.control('DELETE', `/v1/tasks/${task.task}`), 204);
    expect(await client.log(task, 1, 'x')).toMatchObject({ status: 410 });
    expect(await client.complete(task, manifestOf([], failed))).toMatchObject({ status: 410 });
    expect((await client.control('GET', `/v1/tasks/${task.task}`)).body).toEqual({ state: 'none' });
    await expect(stat(join(ingest.world.data, 'staging', task.task))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes over from an earlier attempt, whose log is kept aside and who is refused from then on', async () => {
    const dir = ingest.freshDirectory();
    const uid = randomUUID();
    const first = await client.newTask(dir, `${uid}.1`);
    const second = await client.newTask(dir, `${uid}.2`);
    await client.log(first, 0, 'first attempt');
    expect(await client.log(second, 0, 'second')).toMatchObject({ status: 200, body: { size: 6 } });
    expect(await ingest.logOf(second)).toBe('second');
    expect(await ingest.logOf(second, `prev_build_backup/${first.task}/builder-live.log`)).toBe('first attempt');
    expect(await client.log(first, 13, 'zombie')).toMatchObject({
      status: 410,
      body: { error: { code: 'TaskSuperseded' } },
    });
    expect(await ingest.logOf(second)).toBe('second');
  });

  it('is refused a directory that another build has, and leaves what is there alone', async () => {
    const owner = await ingest.freshTask();
    await client.log(owner, 0, 'mine');
    const other = await client.newTask([owner.owner, owner.project, owner.chroot, owner.directory].join('/'));
    const refused = { status: 409, body: { error: { code: 'DirectoryInUse' } } };
    const answer = await client.log(other, 0, 'not mine');
    expect(answer).toMatchObject(refused);
    expect(answer.body.error).toMatchObject({
      message: `the directory demo/hello/pebble-13-x86_64/${owner.directory} holds the results of another build, ${owner.task.slice(0, 36)}; submit this build again, so that it gets a number of its own`,
    });
    expect(await client.file(other, 'a', Buffer.from('a'))).toMatchObject(refused);
    expect(await client.complete(other, manifestOf([], failed))).toMatchObject(refused);
    expect(await ingest.logOf(owner)).toBe('mine');
    expect(await client.log(owner, 4, ' still')).toMatchObject({ status: 200 });
  });

  it('is refused a directory with packages that nobody owns', async () => {
    const task = await ingest.freshTask();
    const path = ingest.resultPath(task);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'old-1-1.noarch.rpm'), 'of an older tree');
    expect(await client.log(task, 0, 'x')).toMatchObject({ status: 409, body: { error: { code: 'DirectoryInUse' } } });
    expect(await readdir(path)).toEqual(['old-1-1.noarch.rpm']);
  });
});
