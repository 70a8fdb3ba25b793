import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Cluster } from '../../deploy/cluster.ts';
import { clusterUp } from '../../deploy/cluster.ts';
import { RELEASE_NAMESPACE } from '../../deploy/deploy.ts';
import { pathOf, readResults } from '../../deploy/results.ts';
import { CommandError, lastLine, ROOT, run } from '../../deploy/run.ts';

export const BUILDS_NAMESPACE = 'kopr-builds';
export { pathOf, RELEASE_NAMESPACE };

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
    source: z.object({ resultsURL: z.string().optional() }).optional(),
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

/** The same as another user; the user needs no right but the one in question. */
export async function applyAs(user: string, object: object): Promise<void> {
  await (await cluster()).kubectl(['create', `--as=${user}`, '-f', '-'], JSON.stringify(object));
}

/** What a command says that may end with an error, as `auth can-i` does for a "no". */
export async function kubectlError(...args: string[]): Promise<string> {
  return kubectl(...args).catch((error: unknown) => {
    if (error instanceof CommandError && error.output !== '') return error.output;
    throw error;
  });
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

/** Fetches a published file. */
export async function results(path: string): Promise<string> {
  return readResults(await cluster(), path);
}

export async function getProject(namespace: string, name: string): Promise<z.infer<typeof projectObject>> {
  return projectObject.parse(JSON.parse(await kubectl('-n', namespace, 'get', 'project', name, '-o', 'json')));
}

/** Names, versions and architectures of all packages of a repository, sorted; one that is listed twice is here twice. */
export async function packagesOf(namespace: string, name: string, chroot: string): Promise<string[]> {
  const base = `results/${namespace}/${name}/${chroot}/`;
  const href = /href="(repodata\/[^"]*-primary\.xml\.gz)"/.exec(await results(`${base}repodata/repomd.xml`))?.[1];
  if (href === undefined) throw new Error(`repomd.xml of ${base} names no primary.xml.gz`);
  const primary = gunzipSync(await download(`${base}${href}`)).toString();
  const pattern =
    /<name>([^<]+)<\/name>\s*<arch>([^<]+)<\/arch>\s*<version epoch="[^"]*" ver="([^"]+)" rel="([^"]+)"\/>/g;
  return [...primary.matchAll(pattern)].map(([, n, arch, ver, rel]) => `${n}-${ver}-${rel}.${arch}`).sort();
}

async function download(path: string): Promise<Buffer> {
  const tools = lastLine(await run(join(ROOT, 'cluster', 'cluster.sh'), ['bin']));
  const url = `/api/v1/namespaces/${RELEASE_NAMESPACE}/services/kopr-results:5002/proxy/${path}`;
  const { stdout } = await promisify(execFile)(join(tools, 'kubectl'), ['get', '--raw', url], {
    encoding: 'buffer',
    env: { ...process.env, KUBECONFIG: (await cluster()).kubeconfig },
    timeout: 60_000,
  });
  return stdout;
}

/** How often each stage of a Build was tried, e.g. `pebble-13-x86_64=1 srpm-builds=1 `. */
export async function attempts(namespace: string, name: string): Promise<string> {
  const path = '{range .items[*]}{.spec.chroot}={.status.attempt} {end}';
  return kubectl('-n', namespace, 'get', 'chrootbuilds', '-l', `kopr.dev/build=${name}`, '-o', `jsonpath=${path}`);
}
