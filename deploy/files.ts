/** The web server of the test distribution in the cluster. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Cluster } from './cluster.ts';
import type { References } from './references.ts';
import { withReferences } from './references.ts';
import { ROOT } from './run.ts';

export const TEST_NAMESPACE = 'kopr-test';

interface List {
  apiVersion: 'v1';
  kind: 'List';
  items: unknown[];
}

/** The objects of test/distro/files.yaml with the references of their images, as kubectl takes them. */
export function filesObjects(yaml: string, reference: References): List {
  const documents: unknown[] = parseAllDocuments(yaml).map((document) => document.toJS());
  return { apiVersion: 'v1', kind: 'List', items: documents.map((object) => withReferences(object, reference)) };
}

/** Returns the address of the web server, under which builder pods know it as files.example. */
export async function startFiles(cluster: Cluster, reference: References): Promise<string> {
  const yaml = await readFile(join(ROOT, 'test', 'distro', 'files.yaml'), 'utf8');
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(filesObjects(yaml, reference)));
  // The image's content may be new under its old name.
  await cluster.kubectl(['-n', TEST_NAMESPACE, 'rollout', 'restart', 'deployment/files']);
  try {
    await cluster.kubectl(['-n', TEST_NAMESPACE, 'rollout', 'status', 'deployment/files', '--timeout=180s']);
  } catch (error) {
    // Most of all an image that nodes cannot pull, which the rollout itself does not say.
    const path = 'jsonpath={.items[*].status.containerStatuses[*].state.waiting.message}';
    const why = await cluster.kubectl(['-n', TEST_NAMESPACE, 'get', 'pods', '-o', path]).catch(() => '');
    throw why === ''
      ? error
      : new Error(`the web server of the test distribution does not start: ${why}`, { cause: error });
  }
  return cluster.kubectl(['-n', TEST_NAMESPACE, 'get', 'service', 'files', '-o', 'jsonpath={.spec.clusterIP}']);
}
