import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPackage } from '../../../lib/rpm/package.ts';
import { buildPackages } from '../../../lib/rpm/testing/build.ts';
import { expectStatus, type TestClient } from '../testing/client.ts';
import { poisonedPackage } from '../testing/poison.ts';
import { fetchRepository } from '../testing/repository.ts';
import { CHROOT, createSite, type Site, visibleNames } from '../testing/site.ts';

let site: Site;
let base: string;
let client: TestClient;
let packages: string[];

beforeAll(async () => {
  site = await createSite();
  ({ base, client, packages } = site);
});

afterAll(() => site.end());

describe('packages that are not what they should be', () => {
  let number = 100;

  async function refuse(
    files: { name: string; content: Buffer }[],
    architecture = 'x86_64',
    chroot = CHROOT,
  ): Promise<string> {
    number++;
    const dir = `demo/bad/${chroot}/${String(number).padStart(8, '0')}${chroot === CHROOT ? '-bad' : ''}`;
    const task = await client.newTask(dir);
    await client.upload(task, files);
    const answer = await client.publish(task, architecture);
    expect(answer.status).toBe(422);
    expect(await client.publish(task, architecture)).toEqual(answer);
    const path = site.resultPath(...dir.split('/'));
    expect(await visibleNames(path)).toEqual(['build.info', 'builder-live.log.gz']);
    const { message } = answer.body.error as { message: string };
    expect(gunzipSync(await readFile(join(path, 'builder-live.log.gz'))).toString()).toContain(message);
    return message;
  }

  it.each<[string, (whole: Buffer) => Buffer, RegExp]>([
    ['is no RPM', () => Buffer.from('hello'), /hello-2.12-1.x86_64.rpm ends within its lead/],
    ['is damaged', (whole) => Buffer.concat([whole.subarray(0, -1), Buffer.from('x')]), /is damaged: the .* digest/],
    ['is cut short', (whole) => whole.subarray(0, -10), /is damaged: the size does not match/],
  ])('are refused when one %s', async (_what, change, message) => {
    const [, binary = ''] = packages;
    const content = change(await readFile(binary));
    expect(await refuse([{ name: basename(binary), content }])).toMatch(message);
  });

  it('are refused from a source build that names more architectures than there are', async () => {
    const names = Array.from({ length: 2000 }, (_, n) => `machine${n}`).join(' ');
    const preamble = `ExcludeArch: ${names}`;
    const [source = ''] = await buildPackages(join(site.world.directory, 'choosy'), { name: 'choosy', preamble });
    const file = { name: basename(source), content: await readFile(source) };
    expect(await refuse([file], 'x86_64', 'srpm-builds')).toMatch(
      'the package choosy-1.0-1.src.rpm has more than 16384 bytes of excludearch',
    );
  });

  it('are refused under another name than their own', async () => {
    const content = await readFile(packages[1] ?? '');
    expect(await refuse([{ name: 'glibc-9-1.x86_64.rpm', content }])).toMatch(
      /its header says it is hello-2.12-1.x86_64.rpm/,
    );
  });

  it('are refused when the chroot does not build their architecture', async () => {
    const [, binary = ''] = packages;
    const file = { name: basename(binary), content: await readFile(binary) };
    expect(await refuse([file], 'i386')).toMatch(/is for x86_64, which a chroot for i386 does not build/);
  });

  it('are refused from a source build that gives a binary package, or none', async () => {
    const [source = '', binary = ''] = packages;
    const files = [source, binary].map(async (path) => ({ name: basename(path), content: await readFile(path) }));
    expect(await refuse(await Promise.all(files), 'x86_64', 'srpm-builds')).toMatch(/gives one source package/);
    expect(await refuse([], 'x86_64', 'srpm-builds')).toMatch(/uploaded no source package/);
  });

  it('do not get in the way of the other packages when only createrepo_c finds the fault', async () => {
    expectStatus(await client.setUp('demo', 'poison', [CHROOT]), 200);
    // A header that rpm refuses although its digests are right: made by a build that wants to break the repository.
    const [, binary = ''] = packages;
    const poisoned = poisonedPackage(await readFile(binary), await readPackage(binary));
    const tasks = await Promise.all([1, 2, 3].map((n) => client.newTask(`demo/poison/${CHROOT}/0000000${n}-hello`)));
    const [good1, bad, good2] = tasks;
    if (good1 === undefined || bad === undefined || good2 === undefined) throw new Error('no tasks');
    await client.uploadPackages(good1, packages);
    await client.upload(bad, [{ name: basename(packages[1] ?? ''), content: poisoned }]);
    await client.uploadPackages(good2, packages);
    const answers = await Promise.all([client.publish(good1), client.publish(bad), client.publish(good2)]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 422, 200]);
    expect(answers[1]?.body.error).toMatchObject({
      message: expect.stringContaining('createrepo_c cannot read its packages'),
    });
    const { packages: listed } = await fetchRepository(`${base}/results/demo/poison/${CHROOT}`);
    expect(listed).toHaveLength(6);
    expect(listed.some((path) => path.startsWith('00000002'))).toBe(false);
    expect(await visibleNames(site.resultPath('demo', 'poison', CHROOT, '00000002-hello'))).toEqual([
      'build.info',
      'builder-live.log.gz',
    ]);
  });
});
