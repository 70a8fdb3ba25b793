import type { Cluster } from './cluster.ts';
import { RELEASE_NAMESPACE } from './deploy.ts';

/** Reads a published file from inside the cluster, through the API server's proxy: nothing has to be exposed. */
export function readResults(cluster: Cluster, path: string): Promise<string> {
  return cluster.kubectl([
    'get',
    '--raw',
    `/api/v1/namespaces/${RELEASE_NAMESPACE}/services/kopr-results:5002/proxy/${path}`,
  ]);
}

/** The part of a results URL after its origin. */
export function pathOf(url: string): string {
  return new URL(url).pathname.replace(/^\//, '');
}
