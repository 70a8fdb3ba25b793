import { gunzipSync } from 'node:zlib';
import type { Bench, Condition } from './steps.ts';
import { collection, NAME, request, until } from './steps.ts';

export interface Order {
  /** Address of an SRPM or a spec file, as builders reach it. */
  link: string;
  /** Chroot to build in; undefined: the first active one. */
  chroot: string | undefined;
  timeoutMs: number;
}

interface Build {
  status?: {
    conditions?: Condition[];
    state?: string;
    package?: string;
    packageVersion?: string;
    chroots?: { name: string; message?: string }[];
    queue?: { message?: string };
  };
}

const MAX_METADATA_BYTES = 64 * 1024 * 1024;

/** Has the package built in the Project of the test and finds it in the repository at `base`, a URL without "/" at its end. */
export async function buildAndCheck(bench: Bench, order: Order, chroot: string, base: string): Promise<void> {
  bench.say(`building ${order.link} in ${chroot}`);
  await request(bench, 'POST', collection(bench, 'builds'), {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Build',
    metadata: { name: NAME },
    spec: { project: NAME, source: { link: { url: order.link } }, chroots: [chroot] },
  });
  const { status } = await endedBuild(bench, order);
  const succeeded = conditionOf(status, 'Succeeded');
  if (succeeded?.status !== 'True') {
    const reasons = [succeeded?.message, ...(status?.chroots ?? []).map(({ message }) => message)];
    throw new Error(`the Build ended as ${status?.state}: ${[...new Set(reasons.filter(Boolean))].join(' ')}`);
  }
  if (!status?.package) throw new Error('the Build has succeeded, but its status names no package');
  const files = filesOf(await primaryOf(bench, base), status.package);
  if (files.length === 0)
    throw new Error(`the Build has succeeded, but the repository ${base} lists no package made from ${status.package}`);
  for (const file of files) {
    await bench.exists(`${base}/${file}`);
    bench.say(`${base}/${file} is there`);
  }
}

async function endedBuild(bench: Bench, { timeoutMs }: Order): Promise<Build> {
  const path = `${collection(bench, 'builds')}/${NAME}`;
  let last = 'the operator has not looked at it';
  const found = await until(bench, timeoutMs, async () => {
    const build = (await request(bench, 'GET', path)) as Build;
    if (conditionOf(build.status, 'Complete')?.status === 'True') return build;
    const { state, queue } = build.status ?? {};
    if (state === undefined) return undefined;
    const now = queue?.message === undefined ? state : `${state}, ${queue.message}`;
    if (now !== last) bench.say(`the Build is ${now}`);
    last = now;
    return undefined;
  });
  if (!found) throw new Error(`the Build has not ended after ${timeoutMs / 1000} s: ${last}`);
  return found;
}

function conditionOf(status: Build['status'], type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** The list of packages that the repository has. */
async function primaryOf(bench: Bench, base: string): Promise<string> {
  const index = (await bench.fetch(`${base}/repodata/repomd.xml`)).toString('utf8');
  const href = /href="(repodata\/[^"/]*-primary\.xml\.gz)"/.exec(index)?.[1];
  if (href === undefined) throw new Error(`${base}/repodata/repomd.xml names no primary.xml.gz`);
  const packed = await bench.fetch(`${base}/${href}`);
  return gunzipSync(packed, { maxOutputLength: MAX_METADATA_BYTES }).toString('utf8');
}

/** Files of the packages that were made from this source package. */
function filesOf(primary: string, name: string): string[] {
  return [...primary.matchAll(/<package type="rpm">.*?<\/package>/gs)]
    .map(([text]) => text)
    .filter((text) => text.includes(`<rpm:sourcerpm>${name}-`))
    .flatMap((text) => /<location [^>]*href="([^"]+)"/.exec(text)?.[1] ?? []);
}
