import type { Answer, Api } from './api.ts';

export interface Selftest {
  api: Api;
  fetch(url: string): Promise<string>;
  wait(ms: number): Promise<void>;
  /** Milliseconds from any fixed point. */
  elapsed(): number;
  say(line: string): void;
  namespace: string;
  /** Base of the URLs in the status of Projects, and the same place as pods reach it. */
  resultsURL: string;
  internalURL: string;
  timeoutMs: number;
}

interface Condition {
  type: string;
  status: string;
  message: string;
}

interface Project {
  status?: {
    conditions?: Condition[];
    publicKeyURL?: string;
    chroots?: { name: string; repoURL: string; repoFileURL: string }[];
  };
}

interface ChrootList {
  items: { spec: { name: string; state?: string } }[];
}

const NAME = 'kopr-selftest';
const PAUSE_MS = 1_000;
const GROUP = '/apis/kopr.dev/v1alpha1';

/** Rejects with one sentence that says what does not work. Leaves nothing behind, and cleans up after a killed run. */
export async function selftest(test: Selftest): Promise<void> {
  const chroot = await firstChroot(test);
  await removeProject(test);
  try {
    await makeAndCheck(test, chroot);
  } catch (error) {
    // What did not work is worth more than that it could not be cleaned up either; the next run removes it.
    await removeProject(test).catch((second: unknown) => test.say(String(second)));
    throw error;
  }
  await removeProject(test);
  test.say('everything works');
}

async function makeAndCheck(test: Selftest, chroot: string): Promise<void> {
  test.say(`creating the Project ${NAME} for ${chroot}`);
  await expect(test, 'POST', `${GROUP}/namespaces/${test.namespace}/projects`, {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Project',
    metadata: { name: NAME },
    spec: { chroots: [chroot] },
  });
  await checkRepository(test, chroot, await readyProject(test));
}

async function firstChroot(test: Selftest): Promise<string> {
  const { items } = (await expect(test, 'GET', `${GROUP}/chroots`)) as ChrootList;
  const active = items.find(({ spec }) => spec.state !== 'EndOfLife');
  if (!active)
    throw new Error('there is no active Chroot, so nothing could be built; give the chart some in "chroots"');
  return active.spec.name;
}

async function readyProject(test: Selftest): Promise<Project> {
  let last = 'the operator has not looked at it';
  const found = await until(test, async () => {
    const project = (await expect(test, 'GET', projectPath(test))) as Project;
    const ready = project.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status === 'True') return project;
    if (ready) last = ready.message;
    return undefined;
  });
  if (!found) throw new Error(`the Project is not ready after ${test.timeoutMs / 1000} s: ${last}`);
  return found;
}

async function checkRepository(test: Selftest, chroot: string, { status }: Project): Promise<void> {
  const repository = status?.chroots?.find(({ name }) => name === chroot);
  if (!repository || !status?.publicKeyURL)
    throw new Error('the Project is ready, but its status names no repository or no key');
  const repodata = `${inside(test, repository.repoURL).replace(/\/$/, '')}/repodata`;
  await contains(test, `${repodata}/repomd.xml`, '<repomd');
  await contains(test, `${repodata}/repomd.xml.asc`, '-----BEGIN PGP SIGNATURE-----');
  await contains(test, inside(test, status.publicKeyURL), '-----BEGIN PGP PUBLIC KEY BLOCK-----');
}

/** The public address may not be reachable from a pod; the same file is. */
function inside(test: Selftest, url: string): string {
  return url.startsWith(test.resultsURL) ? test.internalURL + url.slice(test.resultsURL.length) : url;
}

async function contains(test: Selftest, url: string, marker: string): Promise<void> {
  const text = await test.fetch(url);
  if (!text.includes(marker)) throw new Error(`${url} does not hold "${marker}"`);
  test.say(`${url} is there`);
}

async function removeProject(test: Selftest): Promise<void> {
  const answer = await test.api.call('DELETE', projectPath(test));
  if (answer.status === 404) return;
  if (answer.status >= 300) throw refusal('DELETE', projectPath(test), answer);
  test.say(`removing the Project ${NAME}`);
  const gone = await until(test, async () =>
    (await test.api.call('GET', projectPath(test))).status === 404 ? true : undefined,
  );
  if (!gone) throw new Error(`the Project ${NAME} is not gone ${test.timeoutMs / 1000} s after its deletion`);
}

/** Asks until there is an answer, for at most `timeoutMs`. */
async function until<T>(test: Selftest, ask: () => Promise<T | undefined>): Promise<T | undefined> {
  const end = test.elapsed() + test.timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || test.elapsed() + PAUSE_MS > end) return answer;
    await test.wait(PAUSE_MS);
  }
}

function projectPath(test: Selftest): string {
  return `${GROUP}/namespaces/${test.namespace}/projects/${NAME}`;
}

async function expect(test: Selftest, method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
  const answer = await test.api.call(method, path, body);
  if (answer.status >= 300) throw refusal(method, path, answer);
  return answer.body;
}

function refusal(method: string, path: string, { status, body }: Answer): Error {
  const { message } = body as { message?: unknown };
  return new Error(`${method} ${path}: ${status} ${typeof message === 'string' ? message : ''}`);
}
