import type { Order } from './build.ts';
import { buildAndCheck } from './build.ts';
import type { Bench, Condition } from './steps.ts';
import { CHROOTS, collection, inside, NAME, refusal, request, until } from './steps.ts';

export interface Selftest extends Bench {
  /** What to build; undefined: nothing. */
  order: Order | undefined;
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

/** Rejects with one sentence that says what does not work. Leaves nothing behind, and cleans up after a killed run. */
export async function selftest(test: Selftest): Promise<void> {
  const chroot = await chooseChroot(test);
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
  await request(test, 'POST', collection(test, 'projects'), {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Project',
    metadata: { name: NAME },
    spec: { chroots: [chroot] },
  });
  const repository = await checkRepository(test, chroot, await readyProject(test));
  if (test.order) await buildAndCheck(test, test.order, chroot, repository);
}

async function chooseChroot(test: Selftest): Promise<string> {
  const wanted = test.order?.chroot;
  const { items } = (await request(test, 'GET', CHROOTS)) as ChrootList;
  const active = items.filter(({ spec }) => spec.state !== 'EndOfLife').map(({ spec }) => spec.name);
  const chosen = wanted === undefined ? active[0] : active.find((name) => name === wanted);
  if (chosen !== undefined) return chosen;
  if (wanted !== undefined)
    throw new Error(
      `there is no active Chroot ${wanted}; correct "selftest.build.chroot" or give the chart this chroot`,
    );
  throw new Error('there is no active Chroot, so nothing could be built; give the chart some in "chroots"');
}

async function readyProject(test: Selftest): Promise<Project> {
  let last = 'the operator has not looked at it';
  const found = await until(test, test.timeoutMs, async () => {
    const project = (await request(test, 'GET', projectPath(test))) as Project;
    const ready = project.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status === 'True') return project;
    if (ready) last = ready.message;
    return undefined;
  });
  if (!found) throw new Error(`the Project is not ready after ${test.timeoutMs / 1000} s: ${last}`);
  return found;
}

/** Returns the base of the repository as this pod reaches it. */
async function checkRepository(test: Selftest, chroot: string, { status }: Project): Promise<string> {
  const repository = status?.chroots?.find(({ name }) => name === chroot);
  if (!repository || !status?.publicKeyURL)
    throw new Error('the Project is ready, but its status names no repository or no key');
  const base = inside(test, repository.repoURL).replace(/\/$/, '');
  await contains(test, `${base}/repodata/repomd.xml`, '<repomd');
  await contains(test, `${base}/repodata/repomd.xml.asc`, '-----BEGIN PGP SIGNATURE-----');
  await contains(test, inside(test, status.publicKeyURL), '-----BEGIN PGP PUBLIC KEY BLOCK-----');
  return base;
}

async function contains(test: Selftest, url: string, marker: string): Promise<void> {
  const content = await test.fetch(url);
  if (!content.includes(marker)) throw new Error(`${url} does not hold "${marker}"`);
  test.say(`${url} is there`);
}

async function removeProject(test: Selftest): Promise<void> {
  const answer = await test.api.call('DELETE', projectPath(test));
  if (answer.status === 404) return;
  if (answer.status >= 300) throw refusal('DELETE', projectPath(test), answer);
  test.say(`removing the Project ${NAME}`);
  const gone = await until(test, test.timeoutMs, async () =>
    (await test.api.call('GET', projectPath(test))).status === 404 ? true : undefined,
  );
  if (!gone) throw new Error(`the Project ${NAME} is not gone ${test.timeoutMs / 1000} s after its deletion`);
}

function projectPath(test: Selftest): string {
  return `${collection(test, 'projects')}/${NAME}`;
}
