/** Submitting builds: what each option becomes in the cluster, and what the answers look like. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProjectView } from '../cluster/index.ts';
import { C42, C43, type Scene, SUBMITTED, startScene } from './testing/scene.ts';
import { expectDocumented } from './testing/schema.ts';

let scene: Scene;
let project: ProjectView;
let other: number;
let publisher: { url: string; stored: Map<string, string>; close(): void };

beforeAll(async () => {
  publisher = await startUploads();
  scene = await startScene({ publisherURL: publisher.url });
  project = await scene.project('submit', { packitForgeProjects: ['github.com/good/*'] });
  other = await scene.submitted(project);
});
afterAll(async () => {
  await scene?.stop();
  publisher.close();
});

/** Keeps what is uploaded, as the publisher does; its own tests prove the rest. */
function startUploads(): Promise<{ url: string; stored: Map<string, string>; close(): void }> {
  const stored = new Map<string, string>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://p');
    const id = String(stored.size + 1).padStart(32, 'a');
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      if (request.method === 'DELETE') {
        stored.delete(pathname.split('/').at(-1) ?? '');
        response.writeHead(204).end();
        return;
      }
      stored.set(id, text);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ id, name: searchParams.get('name'), size: text.length, sha256: 'b'.repeat(64) }));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({ url: `http://127.0.0.1:${port}`, stored, close: () => server.close() });
    });
  });
}

async function specOf(id: unknown): Promise<Record<string, unknown>> {
  return { ...scene.cluster.build(Number(id))?.spec };
}

const plain = { project: 'submit', background: false, cancelled: false, source: { link: { url: SUBMITTED } } };

describe('a build from a URL', () => {
  it('is answered as a list with a meta of nulls, one build for each URL in their order', async () => {
    const urls = [SUBMITTED, 'http://files.test/a.spec', 'http://files.test/b.nosrc.rpm?x=1'];
    const body = await scene.owner.ok('POST', '/build/create/url', { ...scene.names(project), pkgs: urls.join(' ') });
    expectDocumented('POST', '/build/create/url', body);
    expect(body.meta).toEqual({ limit: null, offset: null, order: null, order_type: null });
    const items = body.items as { id: number; source_package: { url: string | null } }[];
    expect(items.map(({ source_package }) => source_package.url)).toEqual([urls[0], null, urls[2]]);
    for (const [index, { id }] of items.entries())
      expect(await specOf(id)).toMatchObject({ source: { link: { url: urls[index] } } });
    expect(items[1]?.id).toBeGreaterThan(items[0]?.id ?? 0);
  });

  it.each([
    ['nothing', {}, {}],
    ['nulls', { chroots: null, timeout: null, bootstrap: null, progress_callback: null }, {}],
    ['a chroot', { chroots: [C42] }, { chroots: [C42] }],
    ['a pattern', { chroots: ['fedora-4?-*'] }, { chroots: [C43, C42] }],
    ['what is left out', { exclude_chroots: ['fedora-42-*'] }, { chroots: [C43] }],
    ['an empty list of chroots', { chroots: [] }, {}],
    ['background', { background: true }, { background: true }],
    ['its other name', { is_background: 'true' }, { background: true }],
    ['background off in words', { background: 'false' }, {}],
    ['a timeout', { timeout: 600 }, { timeoutSeconds: 600 }],
    ['a timeout as text', { timeout: '600' }, { timeoutSeconds: 600 }],
    ['the usual timeout', { timeout: 0 }, {}],
    ['network', { enable_net: true }, { network: true }],
    ['no network', { enable_net: false }, { network: false }],
    ['bootstrap', { bootstrap: 'on' }, { bootstrap: 'on' }],
    ['bootstrap as it is', { bootstrap: 'unchanged' }, {}],
    ['isolation', { isolation: 'nspawn' }, { isolation: 'nspawn' }],
    ['isolation as it is', { isolation: 'unchanged' }, {}],
    ['the main directory', { project_dirname: 'submit' }, {}],
    ['a directory', { project_dirname: 'submit:custom:new-gcc' }, { directory: 'custom:new-gcc' }],
    ['a pull request', { project_dirname: 'submit:pr:7' }, { directory: 'pr:7' }],
    ['a forge project', { packit_forge_project: 'https://github.com/good/x' }, {}],
    ['what nobody knows', { memory: 1, nonsense: 'x' }, {}],
  ])('with %s', async (_what, options, spec) => {
    const answer = await scene.builder.post('/build/create/url', {
      ...scene.names(project),
      pkgs: SUBMITTED,
      ...options,
    });
    expect(answer.status).toBe(200);
    const [item] = answer.body.items as { id: number }[];
    expect(await specOf(item?.id)).toEqual({ ...plain, ...spec });
  });

  it('says in its first answer what is known already', async () => {
    const options = { chroots: [C42], background: true, project_dirname: 'submit:pr:8' };
    const body = await scene.builder.ok('POST', '/build/create/url', {
      ...scene.names(project),
      pkgs: SUBMITTED,
      ...options,
    });
    expect(body.items).toEqual([
      {
        id: expect.any(Number),
        state: 'pending',
        ownername: project.owner,
        projectname: 'submit',
        project_dirname: 'submit:pr:8',
        repo_url: `http://results.test/results/${project.owner}/submit`,
        submitted_on: expect.any(Number),
        started_on: null,
        ended_on: null,
        submitter: scene.builder.name,
        is_background: true,
        chroots: [C42],
        source_package: { name: null, version: null, url: SUBMITTED },
      },
    ]);
  });

  it('can be sent as a form', async () => {
    const form = new URLSearchParams({ ...scene.names(project), pkgs: SUBMITTED, background: 'true' });
    form.append('chroots', C42);
    const response = await fetch(`${scene.url}/api_3/build/create/url`, {
      method: 'POST',
      body: form,
      headers: {
        authorization: `Basic ${Buffer.from(`${scene.owner.login}:${scene.owner.token}`).toString('base64')}`,
      },
    });
    const body = (await response.json()) as { items: { id: number }[] };
    expect(await specOf(body.items[0]?.id)).toEqual({ ...plain, background: true, chroots: [C42] });
  });
});

describe('a batch', () => {
  const create = async (more: object) => {
    const body = await scene.owner.ok('POST', '/build/create/url', {
      ...scene.names(project),
      pkgs: SUBMITTED,
      ...more,
    });
    return (body.items as { id: number }[])[0]?.id ?? 0;
  };
  it('is joined, waited for, and joined with what it waits for', async () => {
    const joined = await create({ with_build_id: other });
    expect(await specOf(joined)).toEqual({ ...plain, batch: other });
    const after = await create({ after_build_id: joined });
    expect(await specOf(after)).toEqual({ ...plain, afterBatch: other });
    expect(await specOf(await create({ with_build_id: after }))).toEqual({ ...plain, batch: after, afterBatch: other });
  });

  it('of somebody else may be waited for, not joined', async () => {
    const theirs = await scene.project('lonely', { permissions: [] });
    const first = await scene.submitted(theirs);
    const fromStranger = (more: object) =>
      scene.stranger.post('/build/create/url', { ...scene.names(own), pkgs: SUBMITTED, ...more });
    const own = await scene.project('mine', {}, scene.stranger.name);
    expect((await fromStranger({ after_build_id: first })).status).toBe(403);
    await scene.submitted(theirs, { after_build_id: first });
    expect((await fromStranger({ after_build_id: first })).status).toBe(200);
    expect((await fromStranger({ with_build_id: first })).status).toBe(403);
  });
});

describe('a build of an uploaded file', () => {
  const file = { name: 'pkgs', filename: 'dir/my hello-1-1.src.rpm', type: 'application/x-rpm', content: 'an srpm' };

  it('names the file, its size and digest', async () => {
    const answer = await scene.owner.multipart(
      'POST',
      '/build/create/upload',
      { ...scene.names(project), chroots: [C43] },
      file,
    );
    expect(answer).toMatchObject({ status: 200, body: { state: 'pending', chroots: [C43] } });
    expectDocumented('POST', '/build/create/upload', answer.body);
    const { source } = await specOf(answer.body.id);
    const upload = { id: expect.any(String), name: 'my_hello-1-1.src.rpm', sha256: 'b'.repeat(64), size: 7 };
    expect(source).toEqual({ upload });
    const { id } = (source as { upload: { id: string } }).upload;
    expect(publisher.stored.get(id)).toBe('an srpm');
    const url = `http://results.test/tmp/${id}/my_hello-1-1.src.rpm`;
    expect(answer.body.source_package).toEqual({ name: null, version: null, url });
    const config = await scene.anonymous.get(`/build/source-build-config/${answer.body.id}`);
    expect(config.body).toMatchObject({ source_type: 'upload', source_dict: { url, pkg: upload.name, tmp: id } });
  });

  it.each([
    [
      'a wrong chroot',
      () => ({ ...scene.names(project), chroots: ['none'] }),
      file,
      400,
      /^Bad request parameters: .*valid choice/,
    ],
    ['no project', () => ({ projectname: 'submit' }), file, 400, /^Bad request parameters: \{'ownername'/],
    ['an unknown project', () => ({ ...scene.names(project), projectname: 'none' }), file, 404, /does not exist/],
    [
      'a binary package',
      () => scene.names(project),
      { ...file, filename: 'a.x86_64.rpm' },
      400,
      /^Bad request parameters: \{'pkgs': .*\.src\.rpm/,
    ],
    ['no file', () => scene.names(project), undefined, 400, /pkgs/],
  ] as const)('with %s is refused, and the file is not kept', async (_what, fields, part, status, error) => {
    const before = publisher.stored.size;
    const answer = await scene.owner.multipart('POST', '/build/create/upload', fields(), part);
    expect(answer).toMatchObject({ status, body: { error: expect.stringMatching(error) } });
    expect(publisher.stored.size).toBe(before);
  });

  it('needs rights, and leaves no file behind without them', async () => {
    const before = publisher.stored.size;
    const answer = await scene.stranger.multipart('POST', '/build/create/upload', scene.names(project), file);
    expect(answer.status).toBe(403);
    expect(publisher.stored.size).toBe(before);
  });
});

describe('a build of a Git repository', () => {
  const git = { url: 'https://git.test/x.git' };
  it.each([
    [{}, git],
    [
      { committish: 'v1.0', subdirectory: '/pkg/x/', spec: 'x.spec' },
      { ...git, committish: 'v1.0', subdirectory: 'pkg/x', spec: 'x.spec' },
    ],
    [{ committish: '', subdirectory: '.', spec: null, scm_type: 'git', source_build_method: 'rpkg' }, git],
  ])('%j', async (fields, source) => {
    const body = { ...scene.names(project), clone_url: git.url, ...fields };
    const answer = await scene.owner.post('/build/create/scm', body);
    expect(answer.status).toBe(200);
    expect(await specOf(answer.body.id)).toMatchObject({ source: { git: source } });
    const { committish = '', subdirectory = '', spec = '' } = source as Record<string, string>;
    const config = await scene.anonymous.get(`/build/source-build-config/${answer.body.id}`);
    expect(config.body).toMatchObject({
      source_type: 'scm',
      source_dict: { type: 'git', clone_url: git.url, committish, subdirectory, spec, srpm_build_method: 'rpkg' },
    });
  });
});

describe('asking before', () => {
  it('says yes to what would be taken, and submits nothing', async () => {
    const empty = await scene.project('asked');
    const answer = await scene.owner.post('/build/check-before-build', { ...scene.names(empty), chroots: [C43] });
    expect(answer).toMatchObject({ status: 200, body: { message: expect.any(String) } });
    expect((await scene.anonymous.get(`/build/list?${scene.query(empty)}`)).body.items).toEqual([]);
  });
});
