import { expect, it } from 'vitest';
import { difference, ofKopr, total, writesIn } from './writes.ts';

const METRICS = `# HELP apiserver_request_total Counter of apiserver requests
apiserver_request_total{code="200",component="apiserver",dry_run="",group="kopr.dev",resource="builds",scope="resource",subresource="status",verb="APPLY",version="v1alpha1"} 5
apiserver_request_total{code="409",component="apiserver",dry_run="",group="kopr.dev",resource="builds",scope="resource",subresource="status",verb="APPLY",version="v1alpha1"} 1
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="status",verb="PATCH",version="v1"} 4
apiserver_request_total{code="0",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="WATCH",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} 9
`;

it('counts what was written, by what and to what, refused or not', () => {
  const writes = writesIn(METRICS);
  expect(Object.fromEntries(writes)).toEqual({ 'APPLY builds/status': 6, 'POST pods': 3, 'PATCH pods/status': 4 });
  expect(total(ofKopr(writes))).toBe(9);
  const before = new Map([
    ['POST pods', 3],
    ['APPLY builds/status', 4],
  ]);
  expect(Object.fromEntries(difference(before, writes))).toEqual({ 'PATCH pods/status': 4, 'APPLY builds/status': 2 });
});
