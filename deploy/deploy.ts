import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { clusterUp } from './cluster.ts';
import { buildImages } from './images.ts';
import { step } from './progress.ts';
import { ROOT } from './run.ts';

export const RELEASE_NAMESPACE = 'kopr-system';
export const TEST_NAMESPACE = 'kopr-test';

/** From nothing to an installed kopr. Repeating it changes only what differs. */
export async function deploy(): Promise<Cluster> {
  const cluster = await step('bringing up a Kubernetes', clusterUp);
  const { tag, archives } = await buildImages();
  await step('loading the images', () => cluster.load(archives));
  const files = await step('starting the web server of the test distribution', () => startFiles(cluster));
  await step('installing kopr with Helm', () => install(cluster, tag, files));
  return cluster;
}

/** Returns the address of the web server, under which builder pods know it as files.example. */
async function startFiles(cluster: Cluster): Promise<string> {
  await cluster.kubectl(['apply', '-f', join(ROOT, 'test', 'distro', 'files.yaml')]);
  // The image's content may be new under its old name.
  await cluster.kubectl(['-n', TEST_NAMESPACE, 'rollout', 'restart', 'deployment/files']);
  await cluster.kubectl(['-n', TEST_NAMESPACE, 'rollout', 'status', 'deployment/files', '--timeout=180s']);
  return cluster.kubectl(['-n', TEST_NAMESPACE, 'get', 'service', 'files', '-o', 'jsonpath={.spec.clusterIP}']);
}

async function install(cluster: Cluster, tag: string, filesIP: string): Promise<void> {
  const aliases = [{ ip: filesIP, hostnames: ['files.example'] }];
  await cluster.helm([
    'upgrade',
    '--install',
    'kopr',
    join(ROOT, 'charts', 'kopr'),
    '--namespace',
    RELEASE_NAMESPACE,
    '--create-namespace',
    ...[...cluster.values, join(ROOT, 'test', 'distro', 'values.yaml'), join(ROOT, 'deploy', 'values.yaml')].flatMap(
      (file) => ['--values', file],
    ),
    '--set',
    `image.tag=${tag}`,
    '--set-json',
    `builderPods.hostAliases=${JSON.stringify(aliases)}`,
    '--wait',
    '--timeout',
    '5m',
  ]);
}
