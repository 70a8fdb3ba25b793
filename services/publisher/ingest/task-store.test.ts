import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, failed, manifestOf, succeeded, TestClient, type TestTask } from '../testing/client.ts';
import { createWorld, type Publisher, startPublisher, type World } from '../testing/processes.ts';

let world: World;
let publisher: Publisher;
let client: TestClient;
let build = 0;

beforeAll(async () => {
  world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-ingest-')));
  publisher = await startPublisher(world, {
    KOPR_MAX_LOG_BYTES: '1000',
    KOPR_MAX_FILE_BYTES: '100000',
    KOPR_MAX_TASK_BYTES: '150000',
  });
  client = new TestClient(world.tokenKey, publisher.ports.http);
});

afterAll(async () => {
  await publisher.end('SIGKILL');
  await world.keygen.end('SIGKILL');
  await rm(world.directory, { recursive: true, force: true });
});

/** A task in a directory of its own. */
function freshTask(): Promise<TestTask> {
  build++;
  return client.newTask(`demo/hello/pebble-13-x86_64/${String(build).padStart(8, '0')}-hello`);
}

function logOf(task: TestTask, name = 'builder-live.log'): Promise<string> {
  return readFile(join(world.data, 'results', task.owner, task.project, task.chroot, task.directory, name), 'utf8');
}

describe('a task', () => {
  const files = [{ name: 'hello.spec', content: Buffer.from('Name: hello\n') }];

  it('is complete with its manifest, and immutable afterwards', async () => {
    const task = await freshTask();
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
    const task = await freshTask();
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
    const task = await freshTask();
    await client.log(task, 0, 'x');
    expectStatus(await client.control('DELETE', `/v1/tasks/${task.task}`), 204);
    expectStatus(await client.control('DELETE', `/v1/tasks/${task.task}`), 204);
    expect(await client.log(task, 1, 'x')).toMatchObject({ status: 410 });
    expect(await client.complete(task, manifestOf([], failed))).toMatchObject({ status: 410 });
    expect((await client.control('GET', `/v1/tasks/${task.task}`)).body).toEqual({ state: 'none' });
    await expect(stat(join(world.data, 'staging', task.task))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes over from an earlier attempt, whose log is kept aside and who is refused from then on', async () => {
    build++;
    const dir = `demo/hello/pebble-13-x86_64/${String(build).padStart(8, '0')}-hello`;
    const uid = randomUUID();
    const first = await client.newTask(dir, `${uid}.1`);
    const second = await client.newTask(dir, `${uid}.2`);
    await client.log(first, 0, 'first attempt');
    expect(await client.log(second, 0, 'second')).toMatchObject({ status: 200, body: { size: 6 } });
    expect(await logOf(second)).toBe('second');
    expect(await logOf(second, `prev_build_backup/${first.task}/builder-live.log`)).toBe('first attempt');
    expect(await client.log(first, 13, 'zombie')).toMatchObject({
      status: 410,
      body: { error: { code: 'TaskSuperseded' } },
    });
    expect(await logOf(second)).toBe('second');
  });

  it('is refused a directory that another build has, and leaves what is there alone', async () => {
    const owner = await freshTask();
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
    expect(await logOf(owner)).toBe('mine');
    expect(await client.log(owner, 4, ' still')).toMatchObject({ status: 200 });
  });

  it('is refused a directory with packages that nobody owns', async () => {
    const task = await freshTask();
    const path = join(world.data, 'results', task.owner, task.project, task.chroot, task.directory);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'old-1-1.noarch.rpm'), 'of an older tree');
    expect(await client.log(task, 0, 'x')).toMatchObject({ status: 409, body: { error: { code: 'DirectoryInUse' } } });
    expect(await readdir(path)).toEqual(['old-1-1.noarch.rpm']);
  });
});
