import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Cluster } from './cluster.ts';
import { clusterUp } from './cluster.ts';
import { startFiles } from './files.ts';
import { buildImages } from './images.ts';
import { step } from './progress.ts';
import type { References } from './references.ts';
import { withReferences } from './references.ts';
import { ROOT } from './run.ts';

export const RELEASE_NAMESPACE = 'kopr-system';

/** From nothing to an installed kopr. Repeating it changes only what differs. */
export async function deploy(): Promise<Cluster> {
  const cluster = await step('bringing up a Kubernetes', clusterUp);
  const { tag, archives } = await buildImages();
  const reference = await step('loading the images', () => cluster.load(archives));
  const files = await step('starting the web server of the test distribution', () => startFiles(cluster, reference));
  await step('installing kopr with Helm', () => install(cluster, tag, files, reference));
  return cluster;
}

async function install(cluster: Cluster, tag: string, filesIP: string, reference: References): Promise<void> {
  const aliases = [{ ip: filesIP, hostnames: ['files.example'] }];
  const values: unknown = parse(await readFile(join(ROOT, 'test', 'distro', 'values.yaml'), 'utf8'));
  const files = [...cluster.values, '-', join(ROOT, 'deploy', 'values.yaml')];
  const args = [
    'upgrade',
    '--install',
    'kopr',
    join(ROOT, 'charts', 'kopr'),
    '--namespace',
    RELEASE_NAMESPACE,
    '--create-namespace',
    ...files.flatMap((file) => ['--values', file]),
    '--set-string',
    `image.registry=${cluster.registry}`,
    '--set',
    `image.tag=${tag}`,
    '--set-json',
    `builderPods.hostAliases=${JSON.stringify(aliases)}`,
    '--wait',
    '--timeout',
    '5m',
  ];
  await cluster.helm(args, JSON.stringify(withReferences(values, reference)));
}
