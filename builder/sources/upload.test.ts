import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TerminalError } from '../../lib/errors.ts';
import type { UploadSource } from '../../lib/protocol/task.ts';
import { fetchContext, temporaryDirectory } from '../testing/context.ts';
import type { Handler, WebServer } from '../testing/web-server.ts';
import { startWebServer } from '../testing/web-server.ts';
import { fetchUpload } from './upload.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: WebServer;
let answer: Handler;

beforeEach(async () => {
  directory = await temporaryDirectory();
  answer = (_request, response) => void response.end('content');
  server = await startWebServer((request, response) => answer(request, response));
});
afterEach(async () => {
  await server.stop();
  await directory.remove();
});

function upload(overrides: Partial<UploadSource> = {}): UploadSource {
  const sha256 = createHash('sha256').update('content').digest('hex');
  const name = overrides.name ?? 'hello.spec';
  return { url: `${server.url}/tmp/${'a'.repeat(32)}/${name}`, name, size: 7, sha256, ...overrides };
}

const fetched = (source: UploadSource) => fetchUpload(source, directory.path, fetchContext({ server: 'own' }));

describe('an uploaded source', () => {
  it.each([
    ['hello.spec', 'spec'],
    ['hello-1-1.src.rpm', 'srpm'],
    ['hello-1-1.nosrc.rpm', 'srpm'],
  ])('called %s is a %s', async (name, kind) => {
    expect(await fetched(upload({ name }))).toEqual({ kind, file: name });
    expect(await readFile(join(directory.path, name), 'utf8')).toBe('content');
  });

  it.each<[string, Partial<UploadSource>, RegExp]>([
    ['digest', { sha256: '0'.repeat(64) }, /does not have the sha256 digest 0{64}/],
    ['size', { size: 8 }, /^the uploaded file hello.spec has 7 bytes instead of 8$/],
  ])('with another %s ends the task', async (_what, wrong, message) => {
    const attempt = fetched(upload(wrong));
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ code: 'SourceDigestMismatch' });
    expect(server.requests).toHaveLength(1);
  });

  it('that was deleted ends the task with what to do', async () => {
    answer = (_request, response) => void response.writeHead(404).end();
    const attempt = fetched(upload());
    await expect(attempt).rejects.toThrow(/^the uploaded file hello.spec is no longer there, upload it again: .*404$/);
    await expect(attempt).rejects.toBeInstanceOf(TerminalError);
    expect(await readdir(directory.path)).toEqual([]);
  });

  it('is asked for patiently while our web server is away, and then the task counts as not tried', async () => {
    answer = (_request, response) => void response.writeHead(503).end();
    await expect(fetched(upload())).rejects.not.toBeInstanceOf(TerminalError);
    expect(server.requests).toHaveLength(8);
  });

  it('is nothing else than a source package or a spec', async () => {
    await expect(fetched(upload({ name: 'hello.tar.gz' }))).rejects.toMatchObject({ code: 'UnsupportedSource' });
  });
});
