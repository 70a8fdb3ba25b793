import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchContext, temporaryDirectory, tool } from '../testing/context.ts';
import type { WebServer } from '../testing/web-server.ts';
import { startWebServer } from '../testing/web-server.ts';
import type { SrpmContext } from './srpm.ts';
import { makeSrpm } from './srpm.ts';

const SPEC = `Name: sample
Version: 1.5
Release: 3%{?dist}
Summary: A sample
License: MIT
BuildArch: noarch
BuildRequires: nothing-that-exists
Source0: local.txt
%description
%prep
%files
`;

let root: Awaited<ReturnType<typeof temporaryDirectory>>;
let web: WebServer;
let context: SrpmContext & ReturnType<typeof fetchContext>;

beforeEach(async () => {
  root = await temporaryDirectory();
  const path = (name: string): string => join(root.path, name);
  for (const name of ['sources', 'results']) await mkdir(path(name));
  web = await startWebServer((request, response) => {
    if (request.url?.startsWith('/missing')) response.writeHead(404);
    response.end(`content of ${request.url}`);
  });
  const directories = { sourcesDir: path('sources'), scratch: path('scratch'), resultsDir: path('results') };
  context = { ...fetchContext(), ...directories };
});
afterEach(async () => {
  await web.stop();
  await root.remove();
});

const put = (file: string, text: string | Buffer): Promise<void> => writeFile(join(root.path, 'sources', file), text);
const results = async (): Promise<string[]> => (await readdir(join(root.path, 'results'))).sort();
const fromSpec = (text: string): Promise<string> =>
  put('sample.spec', text).then(() => makeSrpm({ kind: 'spec', file: 'sample.spec' }, context));

describe('a source package made of a spec', () => {
  it('has no dist tag, and the spec goes with it', async () => {
    await put('local.txt', 'x');
    expect(await fromSpec(SPEC)).toBe('sample-1.5-3.src.rpm');
    expect(await results()).toEqual(['sample-1.5-3.src.rpm', 'sample.spec']);
    expect(await readFile(join(root.path, 'results', 'sample.spec'), 'utf8')).toBe(SPEC);
    expect(context.log.text()).toContain('source package sample-1.5-3.src.rpm (sample-1.5-3)');
  });

  it('may be one that keeps its sources out', async () => {
    await put('local.txt', 'x');
    expect(await fromSpec(SPEC.replace('%description', 'NoSource: 0\n%description'))).toBe('sample-1.5-3.nosrc.rpm');
    expect(await results()).toEqual(['sample-1.5-3.nosrc.rpm', 'sample.spec']);
  });

  it('holds the sources that the spec names by URL, and fetches none that is there', async () => {
    await put('local.txt', 'x');
    await put('here.txt', 'mine');
    const remote = `Source1: ${web.url}/%{name}-%{version}.tar.gz\nSource2: ${web.url}/here.txt\nPatch0: ${web.url}/p?x=1#/fix.patch\n`;
    const name = await fromSpec(SPEC.replace('%description', `${remote}%description`));
    const files = await tool(root.path, 'rpm', '-qlp', join('results', name));
    expect(files.split('\n').sort()).toEqual([
      'fix.patch',
      'here.txt',
      'local.txt',
      'sample-1.5.tar.gz',
      'sample.spec',
    ]);
    expect(web.requests).toEqual(['GET /sample-1.5.tar.gz', 'GET /p?x=1']);
  });

  it.each([
    [
      'a spec that is no spec',
      'hello world\n',
      'SpecInvalid',
      /^sample.spec cannot be read: line 1: Unknown tag: hello world/,
    ],
    ['a tag that is missing', SPEC.replace(/^License.*\n/m, ''), 'SpecInvalid', /License field must be present/],
    ['a condition that is not closed', `%if 1\n${SPEC}`, 'SpecInvalid', /%if/],
    [
      'a source that is missing',
      SPEC,
      'SrpmBuildFailed',
      /rpmbuild -bs sample.spec failed: Bad file: local.txt: No such file/,
    ],
    [
      'a source that is not on its server',
      SPEC.replace('local.txt', 'WEB/missing.tar.gz'),
      'SourceFetchFailed',
      /missing.tar.gz answered with status 404/,
    ],
    [
      'a source by another protocol',
      SPEC.replace('local.txt', 'ftp://127.0.0.1/x.tar.gz'),
      'UnsupportedSource',
      /only http:\/\/ and https:\/\//,
    ],
    ['a source without a name', SPEC.replace('local.txt', 'WEB/dir/'), 'SpecInvalid', /file name that is empty/],
  ])('is refused for %s, with words that say so', async (_what, text, code, message) => {
    const attempt = fromSpec(text.replace('WEB', web.url));
    await expect(attempt).rejects.toMatchObject({ code });
    await expect(attempt).rejects.toThrow(message);
    expect(await results()).toEqual([]);
  });

  it('counts all downloads together against the limit', async () => {
    context.maxSourceBytes = 40;
    const remote = `Source1: ${web.url}/0123456789\nSource2: ${web.url}/0123456789x\n`;
    await expect(fromSpec(SPEC.replace('%description', `${remote}%description`))).rejects.toMatchObject({
      code: 'SourceTooLarge',
    });
  });

  it('knows nothing of the environment of the container', async () => {
    await put('local.txt', 'x');
    process.env.KOPR_TEST_SECRET = 'hunter2';
    await fromSpec(SPEC.replace('A sample', '%(env | tr "\\\\n" " ")'));
    delete process.env.KOPR_TEST_SECRET;
    const summary = await tool(root.path, 'rpm', '-qp', '--qf', '%{SUMMARY}', 'results/sample-1.5-3.src.rpm');
    expect(summary).toContain('PATH=');
    expect(summary).not.toContain('hunter2');
  });
});

describe('a source package that was fetched', () => {
  async function given(name: string, content?: Buffer): Promise<Buffer> {
    await put('local.txt', 'x');
    await fromSpec(SPEC);
    const srpm = await readFile(join(root.path, 'results', 'sample-1.5-3.src.rpm'));
    await tool(root.path, 'rm', '-r', 'results');
    await mkdir(join(root.path, 'results'));
    await put(name, content ?? srpm);
    return srpm;
  }

  it('is passed on as it is, with its spec', async () => {
    const srpm = await given('other-name.src.rpm');
    expect(await makeSrpm({ kind: 'srpm', file: 'other-name.src.rpm' }, context)).toBe('other-name.src.rpm');
    expect(await results()).toEqual(['other-name.src.rpm', 'sample.spec']);
    expect((await readFile(join(root.path, 'results', 'other-name.src.rpm'))).equals(srpm)).toBe(true);
  });

  it('is refused when it is something else', async () => {
    await given('x.src.rpm', Buffer.from('<html>not found</html>'));
    await expect(makeSrpm({ kind: 'srpm', file: 'x.src.rpm' }, context)).rejects.toMatchObject({
      code: 'NotAnSrpm',
      message: expect.stringMatching(/^x.src.rpm is not an RPM package: .*/),
    });
    expect(await results()).toEqual([]);
  });

  it('is refused when it is damaged', async () => {
    const srpm = await given('x.src.rpm');
    srpm.writeUInt8(srpm.readUInt8(srpm.length - 20) ^ 0xff, srpm.length - 20);
    await put('x.src.rpm', srpm);
    await expect(makeSrpm({ kind: 'srpm', file: 'x.src.rpm' }, context)).rejects.toThrow(/is damaged/);
  });

  it('is refused when it is cut short', async () => {
    const srpm = await given('x.src.rpm');
    await put('x.src.rpm', srpm.subarray(0, 1000));
    await expect(makeSrpm({ kind: 'srpm', file: 'x.src.rpm' }, context)).rejects.toMatchObject({ code: 'NotAnSrpm' });
  });

  it('is refused when it is a binary package', async () => {
    await given('unused.src.rpm');
    await tool(
      root.path,
      'rpmbuild',
      '-bb',
      '--nodeps',
      '--define',
      `_topdir ${root.path}/top`,
      '--define',
      `_sourcedir ${root.path}/sources`,
      'sources/sample.spec',
    );
    await put('x.src.rpm', await readFile(join(root.path, 'top/RPMS/noarch/sample-1.5-3.noarch.rpm')));
    await expect(makeSrpm({ kind: 'srpm', file: 'x.src.rpm' }, context)).rejects.toThrow(/is a binary RPM package/);
    expect((await stat(join(root.path, 'results'))).isDirectory()).toBe(true);
  });
});
