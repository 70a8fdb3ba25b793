/** What the API server itself says of the writes that reached it. */
import type { ApiClient } from '../../operator/client.ts';

/** Writes by verb, resource and subresource, such as `PATCH builds/status`. */
export type Writes = ReadonlyMap<string, number>;

const READS = new Set(['GET', 'LIST', 'WATCH', 'WATCHLIST', 'CONNECT']);

export async function countWrites(client: ApiClient): Promise<Writes> {
  const { body } = await client.stream({ path: '/metrics' });
  return writesIn(await body.text());
}

/** Sums `apiserver_request_total` over what else it tells apart: codes, versions, dry runs. */
export function writesIn(metrics: string): Writes {
  const writes = new Map<string, number>();
  for (const line of metrics.split('\n')) {
    if (!line.startsWith('apiserver_request_total{')) continue;
    const label = (name: string): string => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? '';
    const verb = label('verb');
    if (READS.has(verb)) continue;
    const subresource = label('subresource');
    const what = `${verb} ${label('resource')}${subresource === '' ? '' : `/${subresource}`}`;
    writes.set(what, (writes.get(what) ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1)));
  }
  return writes;
}

export function difference(before: Writes, after: Writes): Writes {
  const made = [...after].map(([what, count]) => [what, count - (before.get(what) ?? 0)] as const);
  return new Map(made.filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a));
}

export function total(writes: Writes): number {
  return [...writes.values()].reduce((sum, count) => sum + count, 0);
}

/** Those of the stand-ins: of kubelets, of the garbage collector and of whoever submits builds. The API server's own go to leases. */
const OTHERS = new Set([
  'PATCH pods/status',
  'DELETE pods',
  'DELETE secrets',
  'PATCH builders',
  'POST builds',
  'POST leases',
  'PUT leases',
  'PATCH leases',
]);

/** What kopr itself has written. */
export function ofKopr(writes: Writes): Writes {
  return new Map([...writes].filter(([what]) => !OTHERS.has(what)));
}
