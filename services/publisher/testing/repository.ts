import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { parseRepomd } from '../repository/repomd.ts';

const run = promisify(execFile);

export interface FetchedRepository {
  /** Paths of the packages in primary.xml. */
  packages: string[];
  repomd: string;
}

export class MixtureError extends Error {}

async function get(url: string): Promise<Buffer> {
  const response = await fetch(url);
  if (response.status !== 200) throw new MixtureError(`${url} answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

/**
 * Downloads repomd.xml and, some time later, everything it refers to, as dnf does. Throws MixtureError when anything is missing or is not
 * what repomd.xml says.
 */
export async function fetchRepository(
  base: string,
  pause: () => Promise<void> = async () => undefined,
): Promise<FetchedRepository> {
  const repomd = (await get(`${base}/repodata/repomd.xml`)).toString('utf8');
  let primary = '';
  for (const file of parseRepomd(repomd)) {
    await pause();
    const content = await get(`${base}/repodata/${file.name}`);
    const sha256 = createHash('sha256').update(content).digest('hex');
    if (sha256 !== file.sha256 || content.length !== file.size)
      throw new MixtureError(`${file.name} is not what repomd.xml says`);
    if (file.type === 'primary') primary = gunzipSync(content).toString('utf8');
  }
  const packages = [...primary.matchAll(/<location href="([^"]+)"/g)].map((match) => match[1] ?? '');
  const announced = Number(/packages="([0-9]+)"/.exec(primary)?.[1]);
  if (announced !== packages.length)
    throw new MixtureError(`${announced} packages are announced, ${packages.length} are there`);
  return { packages, repomd };
}

/** An installation root of its own with one repository, for the real dnf. */
export async function createDnf(directory: string, repoText: string): Promise<(...args: string[]) => Promise<string>> {
  await mkdir(join(directory, 'repos'), { recursive: true });
  await mkdir(join(directory, 'root'), { recursive: true });
  await mkdir(join(directory, 'log'), { recursive: true });
  await writeFile(join(directory, 'repos', 'test.repo'), repoText);
  await writeFile(join(directory, 'dnf.conf'), '[main]\n');
  return async (...args) => {
    const { stdout, stderr } = await run(
      'dnf',
      [
        '--assumeyes',
        '--installroot',
        join(directory, 'root'),
        `--setopt=reposdir=${join(directory, 'repos')}`,
        `--setopt=cachedir=${join(directory, 'cache')}`,
        `--setopt=logdir=${join(directory, 'log')}`,
        `--setopt=persistdir=${join(directory, 'persist')}`,
        '--setopt=skip_if_unavailable=0',
        '--setopt=timeout=10',
        '--setopt=retries=1',
        '--setopt=plugins=0',
        '--releasever=13',
        '--forcearch=x86_64',
        `--config=${join(directory, 'dnf.conf')}`,
        ...args,
      ],
      { maxBuffer: 1e7, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: directory } },
    );
    return stdout + stderr;
  };
}
