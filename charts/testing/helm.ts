import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';

const exec = promisify(execFile);
export const ROOT = join(import.meta.dirname, '../..');
export const CHART = join(ROOT, 'charts/kopr');

export interface KubeDocument {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

let found: Promise<string> | undefined;

/** Directory of helm and kubectl: they are the cluster's own tools. */
export function toolsDirectory(): Promise<string> {
  found ??= exec(join(ROOT, 'cluster/cluster.sh'), ['bin']).then(({ stdout }) => stdout.trim());
  return found;
}

async function helmPath(): Promise<string> {
  return join(await toolsDirectory(), 'helm');
}

/** Runs helm; rejects with what it says on standard error. Its state stays in a temporary directory. */
export async function helm(args: readonly string[]): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'kopr-helm-'));
  const env = ['CACHE', 'CONFIG', 'DATA'].map((name) => `HELM_${name}_HOME=${home}`);
  try {
    const { stdout } = await exec('env', [...env, await helmPath(), ...args], {
      maxBuffer: 64 * 1024 * 1024,
      timeout: 120_000,
    });
    return stdout;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(stderr?.trim() || String(error));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

export interface RenderOptions {
  values?: object;
  files?: readonly string[];
  args?: readonly string[];
  release?: string;
  namespace?: string;
}

/** What `helm template` prints for the chart with these values on top of its own. */
export async function render(options: RenderOptions = {}): Promise<string> {
  const { values = {}, files = [], args = [], release = 'kopr', namespace = 'kopr-system' } = options;
  return withValues(values, (file) =>
    helm([
      'template',
      release,
      CHART,
      '--namespace',
      namespace,
      '--kube-version',
      '1.36.0',
      ...files.flatMap((path) => ['--values', path]),
      '--values',
      file,
      ...args,
    ]),
  );
}

/** Calls `use` with the path of a file that holds these values. */
export async function withValues<R>(values: object, use: (file: string) => Promise<R>): Promise<R> {
  const dir = mkdtempSync(join(tmpdir(), 'kopr-values-'));
  try {
    const file = join(dir, 'values.yaml');
    writeFileSync(file, stringify(values));
    return await use(file);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export function parseManifests(text: string): KubeDocument[] {
  // Helm and Kubernetes read YAML 1.1, where 0440 is octal.
  return parseAllDocuments(text, { version: '1.1' })
    .map((document) => {
      if (document.errors.length > 0) throw new Error(`not YAML: ${document.errors.map((e) => e.message).join('; ')}`);
      return document.toJS() as KubeDocument | null;
    })
    .filter((document) => document !== null);
}

export async function manifests(options: RenderOptions = {}): Promise<KubeDocument[]> {
  return parseManifests(await render(options));
}

/** The one object of this kind and name. */
export function pick(documents: readonly KubeDocument[], kind: string, name: string): KubeDocument {
  const hits = documents.filter((document) => document.kind === kind && document.metadata.name === name);
  if (hits.length !== 1 || !hits[0]) throw new Error(`there are ${hits.length} objects ${kind} ${name}, not one`);
  return hits[0];
}
