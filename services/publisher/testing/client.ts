import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { systemClock } from '../../../lib/clock.ts';
import type { Publication, RepositoryRequest, TaskManifest } from '../../../lib/protocol/publisher.ts';
import type { Verdict } from '../../../lib/protocol/task.ts';
import { mintControlToken, mintTaskToken } from '../../../lib/protocol/token.ts';

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

export const succeeded: Verdict = {
  outcome: 'succeeded',
  reason: 'Built',
  message: 'the build succeeded',
  exitCode: 0,
};
export const failed: Verdict = { outcome: 'failed', reason: 'BuildFailed', message: 'the build failed', exitCode: 1 };

export interface TestTask {
  task: string;
  token: string;
  owner: string;
  project: string;
  chroot: string;
  directory: string;
}

/** Speaks to a publisher as builder pods and operator do. */
export class TestClient {
  readonly #key: Uint8Array;
  /** Changes when the publisher is started again. */
  port: number;

  constructor(key: Buffer, port: number) {
    this.#key = new Uint8Array(key);
    this.port = port;
  }

  async newTask(dir: string, task = `${randomUUID()}.1`): Promise<TestTask> {
    const [owner = '', project = '', chroot = '', directory = ''] = dir.split('/');
    const token = await mintTaskToken(this.#key, { task, dir }, 3600, systemClock);
    return { task, token, owner, project, chroot, directory };
  }

  async send(
    method: string,
    path: string,
    token: string,
    body?: Buffer | string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: { ...headers, ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }

  log(task: TestTask, offset: number, text: string | Buffer, name = 'builder-live.log'): Promise<Answer> {
    return this.send('POST', `/v1/tasks/${task.task}/log/${name}?offset=${offset}`, task.token, Buffer.from(text));
  }

  file(task: TestTask, name: string, content: Buffer, sha256 = sha256Of(content)): Promise<Answer> {
    return this.send('PUT', `/v1/tasks/${task.task}/files/${encodeURIComponent(name)}`, task.token, content, {
      'x-kopr-sha256': sha256,
    });
  }

  complete(task: TestTask, manifest: TaskManifest): Promise<Answer> {
    return this.send('POST', `/v1/tasks/${task.task}/complete`, task.token, JSON.stringify(manifest));
  }

  async control(method: string, path: string, body?: unknown): Promise<Answer> {
    const token = await mintControlToken(this.#key, 'test', 'publisher', systemClock);
    return this.send(method, path, token, body === undefined ? undefined : JSON.stringify(body));
  }

  publish(task: TestTask, architecture = 'x86_64', wait = 30): Promise<Answer> {
    const { owner, project, chroot, directory } = task;
    const source = chroot === 'srpm-builds';
    return this.control('PUT', `/v1/publications/${task.task}?wait=${wait}`, {
      owner,
      project,
      chroot,
      directory,
      stage: source ? 'source' : 'binary',
      build: Number.parseInt(directory, 10),
      ...(source ? {} : { architecture }),
    });
  }

  setUp(
    owner: string,
    project: string,
    chroots: readonly string[],
    options: Partial<RepositoryRequest['repoFile']> = {},
  ): Promise<Answer> {
    return this.control('PUT', `/v1/projects/${encodeURIComponent(owner)}/${project}?wait=30`, {
      chroots: chroots.map((name) => ({ name, architecture: name.slice(name.lastIndexOf('-') + 1) })),
      repoFile: { moduleHotfixes: false, ...options },
    });
  }

  /** Uploads files as a builder does, up to and including the manifest. */
  async upload(
    task: TestTask,
    files: readonly { name: string; content: Buffer }[],
    verdict: Verdict = succeeded,
  ): Promise<void> {
    expectStatus(await this.log(task, 0, `building ${task.directory}\n`), 200);
    for (const { name, content } of files) expectStatus(await this.file(task, name, content), 200);
    expectStatus(await this.complete(task, manifestOf(files, verdict)), 200);
  }

  async uploadPackages(task: TestTask, paths: readonly string[]): Promise<void> {
    const files: { name: string; content: Buffer }[] = [];
    for (const path of paths) files.push({ name: basename(path), content: await readFile(path) });
    await this.upload(task, files);
  }

  /** Publishes until it is done, over 202 answers and restarts of the publisher, for at most `deadlineMs`. */
  async published(task: TestTask, architecture?: string, deadlineMs = 60_000): Promise<Publication> {
    const until = systemClock.monotonic() + deadlineMs;
    let last = 'nothing';
    while (systemClock.monotonic() < until) {
      const answer = await this.publish(task, architecture, 10).catch((error: unknown) => String(error));
      if (typeof answer !== 'string' && answer.status === 200) return answer.body as unknown as Publication;
      last = JSON.stringify(answer);
      await systemClock.sleep(50);
    }
    throw new Error(`the publication of ${task.directory} did not end: ${last}`);
  }
}

export function manifestOf(files: readonly { name: string; content: Buffer }[], verdict: Verdict): TaskManifest {
  return {
    verdict,
    files: files.map(({ name, content }) => ({ name, size: content.length, sha256: sha256Of(content) })),
  };
}

export function sha256Of(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status !== status)
    throw new Error(`expected status ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer;
}
