import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportRequest } from '../../lib/protocol/distgit.ts';
import { requestFor, startTestService, type TestService } from './testing/harness.ts';
import { makeCpio, makeSrpm, withPayload } from './testing/srpm.ts';

let distgit: TestService;
let srpm: ImportRequest['srpm'];
let srpmPath: string;

beforeAll(async () => {
  distgit = await startTestService({ KOPR_MAX_SRPM_BYTES: '20000000', KOPR_MAX_UNPACKED_BYTES: '30000000' });
  srpmPath = await makeSrpm(distgit.dir, { name: 'hello', sources: { 'hello.tar.gz': Buffer.alloc(200_000, 'x') } });
  srpm = await distgit.files.addFile(srpmPath);
});

afterAll(async () => distgit.stop());

describe('a bad SRPM', () => {
  async function refusal(request: ImportRequest): Promise<unknown> {
    const task = distgit.nextTask();
    const reply = await distgit.control.import(task, request);
    expect(reply.status).toBe(422);
    expect(await distgit.control.import(task, request)).toEqual(reply);
    const { error } = reply.body as { error: { code: string; message: string } };
    expect(error.message).not.toContain(distgit.dir);
    const log = await (await fetch(`${distgit.base}/per-task-logs/${request.build}.log`)).text();
    expect(log).toContain(`import refused: ${error.code}: `);
    return error.code;
  }

  it.each([
    ['text', Buffer.from('http://distgit.files.example/other.rpm\n'), 'NotAnRpm'],
    ['nothing', Buffer.alloc(0), 'NotAnRpm'],
    [
      'the mark of an RPM and noise',
      Buffer.concat([Buffer.from('edabeedb', 'hex'), Buffer.alloc(5000, 3)]),
      'NotAnRpm',
    ],
  ])('that is %s is refused', async (_what, content, code) => {
    expect(await refusal(requestFor(distgit.files.add(content), { build: 100 }))).toBe(code);
  });

  it('that breaks off is refused', async () => {
    const whole = await readFile(srpmPath);
    expect(await refusal(requestFor(distgit.files.add(whole.subarray(0, whole.length - 40)), { build: 101 }))).toBe(
      'BadPayload',
    );
    expect(await refusal(requestFor(distgit.files.add(whole.subarray(0, 600)), { build: 101 }))).toBe('NotAnRpm');
  });

  it('with another digest or size than announced is refused', async () => {
    const wrong = { ...srpm, sha256: '0'.repeat(64) };
    const codes = await Promise.all([
      refusal(requestFor(wrong, { build: 102 })),
      refusal(requestFor({ ...srpm, size: srpm.size - 1 }, { build: 102 })),
      refusal(requestFor({ ...srpm, size: 20_000_001 }, { build: 102 })),
    ]);
    expect(codes).toEqual(['WrongDigest', 'WrongDigest', 'SrpmTooLarge']);
  });

  it('from a place that is not allowed is refused before any request', async () => {
    const hits = distgit.files.hits.length;
    for (const url of [
      `${distgit.files.base}secret/a.src.rpm`,
      `${distgit.files.base}results/../secret/a.src.rpm`,
      `${distgit.files.base}results/%2e%2e/secret/a.src.rpm`,
      `${distgit.files.base}results/..%2fsecret/a.src.rpm`,
      `${distgit.files.base}resultsx/a.src.rpm`,
      'file:///etc/passwd',
      'not a URL',
    ]) {
      expect(await refusal(requestFor({ ...srpm, url }, { build: 103 }))).toBe('OriginNotAllowed');
    }
    expect(distgit.files.hits.length).toBe(hits);
  });

  const spec = { name: 'hello.spec', content: 'Name: hello\n' };
  it.each([
    ['a path upwards', [spec, { name: '../../evil' }], 'BadFileName'],
    ['an absolute path', [spec, { name: '/etc/cron.d/evil' }], 'BadFileName'],
    ['a directory part', [spec, { name: 'a/b' }], 'BadFileName'],
    ['a git directory', [spec, { name: '.git' }], 'BadFileName'],
    ['git attributes', [spec, { name: '.gitattributes' }], 'BadFileName'],
    ['a line break in a name', [spec, { name: 'a\nb' }], 'BadFileName'],
    ['an option as name', [spec, { name: '--upload-pack=x' }], 'BadFileName'],
    ['an empty name', [spec, { name: '' }], 'BadFileName'],
    ['a symbolic link', [spec, { name: 'link', content: '/etc/passwd', mode: 0o120777 }], 'BadFileType'],
    ['a hard link', [spec, { name: 'link', links: 2 }], 'BadFileType'],
    ['a directory', [spec, { name: 'dir', mode: 0o040755 }], 'BadFileType'],
    ['a device', [spec, { name: 'null', mode: 0o020666 }], 'BadFileType'],
    ['one name twice', [spec, { name: 'a' }, { name: './a' }], 'NameClash'],
    ['a file named sources', [spec, { name: 'sources' }], 'NameClash'],
    ['no spec', [{ name: 'a.tar.gz' }], 'NoSpec'],
    ['a bomb', [spec, { name: 'zeros', content: Buffer.alloc(31_000_000) }], 'UnpackedTooLarge'],
  ])('with %s is refused and leaves nothing behind', async (_what, members, code) => {
    const one = distgit.files.add(await withPayload(srpmPath, makeCpio(members)));
    expect(await refusal(requestFor(one, { owner: 'evil', project: 'p', build: 104 }))).toBe(code);
    expect(await readdir(join(distgit.dir, 'data', 'git'))).not.toContain('evil');
    expect(await readdir(join(distgit.dir, 'data', 'tmp'))).toEqual([]);
  });

  it('with several specs, none named as the package, is refused', async () => {
    const path = await makeSrpm(distgit.dir, { name: 'two', spec: 'first.spec', sources: { 'second.spec': 'x' } });
    expect(await refusal(requestFor(await distgit.files.addFile(path), { build: 105 }))).toBe('AmbiguousSpec');
    const fine = await makeSrpm(distgit.dir, { name: 'one', spec: 'other.spec' });
    await distgit.imported(requestFor(await distgit.files.addFile(fine)));
  });
});
