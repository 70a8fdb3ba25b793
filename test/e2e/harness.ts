import { z } from 'zod';
import type { Cluster } from '../../deploy/cluster.ts';
import { clusterUp } from '../../deploy/cluster.ts';
import { RELEASE_NAMESPACE } from '../../deploy/deploy.ts';

export const BUILDS_NAMESPACE = 'kopr-builds';
export { RELEASE_NAMESPACE };

const condition = z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() });

export const buildObject = z.object({
  metadata: z.object({ name: z.string(), uid: z.string() }),
  status: z.object({
    id: z.number(),
    state: z.string(),
    reason: z.string(),
    package: z.string().optional(),
    version: z.string().optional(),
    chrootSummary: z.string().optional(),
    chroots: z
      .array(
        z.object({
          name: z.string(),
          state: z.string(),
          reason: z.string().optional(),
          message: z.string().optional(),
          resultsURL: z.string().optional(),
        }),
      )
      .optional(),
    conditions: z.array(condition),
  }),
});
export type BuildObject = z.infer<typeof buildObject>;

export const projectObject = z.object({
  status: z.object({
    publicKeyURL: z.string(),
    publicKeyFingerprint: z.string(),
    conditions: z.array(condition),
    chroots: z.array(
      z.object({
        name: z.string(),
        repoURL: z.string(),
        repoFileURL: z.string(),
        generation: z.number(),
        packages: z.number(),
      }),
    ),
  }),
});

let shared: Promise<Cluster> | undefined;

/** The cluster that `make deploy` has installed kopr into. */
export function cluster(): Promise<Cluster> {
  shared ??= clusterUp();
  return shared;
}

export async function kubectl(...args: string[]): Promise<string> {
  return (await cluster()).kubectl(args);
}

export async function apply(...objects: object[]): Promise<void> {
  await (await cluster()).kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  );
}

/** A namespace of its own for a test file, empty at the start. Deleting it is left to `after`. */
export async function freshNamespace(name: string): Promise<string> {
  await kubectl('delete', 'namespace', name, '--ignore-not-found', '--wait', '--timeout=180s');
  await kubectl('create', 'namespace', name);
  return name;
}

export function project(namespace: string, name: string, spec: object = {}): object {
  return {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Project',
    metadata: { name, namespace },
    spec: { chroots: ['pebble-13-x86_64', 'pebble-12-i386'], ...spec },
  };
}

export function build(namespace: string, name: string, projectName: string, spec: object): object {
  return {
    apiVersion: 'kopr.dev/v1alpha1',
    kind: 'Build',
    metadata: { name, namespace },
    spec: { project: projectName, ...spec },
  };
}

export function link(file: string): object {
  return { source: { link: { url: `http://files.example/${file}` } } };
}

export async function getBuild(namespace: string, name: string): Promise<BuildObject> {
  return buildObject.parse(JSON.parse(await kubectl('-n', namespace, 'get', 'build', name, '-o', 'json')));
}

export async function waitComplete(namespace: string, name: string, seconds = 400): Promise<BuildObject> {
  await kubectl('-n', namespace, 'wait', '--for=condition=Complete', `build/${name}`, `--timeout=${seconds}s`);
  return getBuild(namespace, name);
}

export function succeeded(object: { status: { conditions: z.infer<typeof condition>[] } }): z.infer<typeof condition> {
  const found = object.status.conditions.find(({ type }) => type === 'Succeeded');
  if (found === undefined) throw new Error('there is no condition Succeeded');
  return found;
}

/** Asks until the answer is right; the last answer is in the error. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  right: (answer: T) => boolean,
  seconds = 120,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (right(answer)) return answer;
    if (performance.now() > end)
      throw new Error(`${what} did not come true within ${seconds} s; the last answer was ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Fetches from inside the cluster, through the API server's proxy: nothing has to be exposed. */
export async function results(path: string): Promise<string> {
  return kubectl('get', '--raw', `/api/v1/namespaces/${RELEASE_NAMESPACE}/services/kopr-results:5002/proxy/${path}`);
}

/** The part of a results URL after its origin. */
export function pathOf(url: string): string {
  return new URL(url).pathname.replace(/^\//, '');
}
