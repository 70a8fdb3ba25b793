import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHART, helm, manifests, pick, withValues } from './testing/helm.ts';

const PUBLIC = { publicReads: true };
const INGRESS = { enabled: true, distgitHost: 'sources.example' };
const ROUTE = { enabled: true, distgitHost: 'sources.example', parentRefs: [{ name: 'g' }] };

/** What Helm tells who installs the chart. Without a cluster it prints that only as a part of some other template. */
async function notes(values: object): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'kopr-notes-'));
  try {
    cpSync(CHART, dir, { recursive: true });
    const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata:\n  text: |-\n';
    const text = '{{ include (print $.Template.BasePath "/NOTES.txt") . | indent 4 }}\n';
    writeFileSync(join(dir, 'templates/notes.yaml'), head + text);
    const args = ['template', 'kopr', dir, '--kube-version', '1.36.0', '--show-only', 'templates/notes.yaml'];
    return await withValues(values, (file) => helm([...args, '--values', file]));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe('the limits of distgit for one client address', () => {
  it('are given to it, and the proxies whose word it takes', async () => {
    const distgit = { gitPerClient: 1000, requestsPerClient: 10_000, trustedProxies: ['10.1.2.3', 'fd00::/64'] };
    const { spec } = pick(await manifests({ values: { distgit } }), 'StatefulSet', 'kopr-distgit');
    const text = JSON.stringify(spec);
    expect(text).toContain('{"name":"KOPR_GIT_PER_CLIENT","value":"1000"}');
    expect(text).toContain('{"name":"KOPR_REQUESTS_PER_CLIENT","value":"10000"}');
    expect(text).toContain('{"name":"KOPR_TRUSTED_PROXIES","value":"10.1.2.3,fd00::/64"}');
  });

  it.each<[string, object, string]>([
    ['Local for a LoadBalancer', { type: 'LoadBalancer' }, 'Local'],
    ['Cluster for a NodePort: otherwise the other nodes would not answer', { type: 'NodePort' }, 'Cluster'],
    ['what the values say', { type: 'NodePort', externalTrafficPolicy: 'Local' }, 'Local'],
    ['what the values say, again', { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' }, 'Cluster'],
  ])('see the addresses that the policy of the extra Service leaves: %s', async (_, extraService, policy) => {
    const documents = await manifests({ values: { distgit: { extraService } } });
    expect(pick(documents, 'Service', 'kopr-distgit-public').spec).toMatchObject({ externalTrafficPolicy: policy });
  });

  it.each<[string, object]>([
    ['the Ingress or HTTPRoute', { distgit: PUBLIC, ingress: INGRESS }],
    ['the Ingress or HTTPRoute', { distgit: PUBLIC, httpRoute: ROUTE }],
    ['the extra Service', { distgit: { ...PUBLIC, extraService: { type: 'NodePort' } } }],
  ])('are told to whom they hit, all users of %s together', async (whom, values) => {
    const text = await notes(values);
    expect(text).toContain(`NOTE: distgit may take all users of ${whom} for one client, which may have 4 git requests`);
    expect(text).toContain('and 32 requests of any kind under way.');
  });

  it.each<[string, object]>([
    ['nobody but builds may read', { ingress: INGRESS }],
    ['it is not exposed', { distgit: PUBLIC }],
    [
      'the host of an Ingress is given but no Ingress is made',
      { distgit: PUBLIC, ingress: { distgitHost: 'a.example' } },
    ],
    ['the proxies are named', { distgit: { ...PUBLIC, trustedProxies: ['10.1.2.3'] }, ingress: INGRESS }],
    ['the load balancer keeps addresses', { distgit: { ...PUBLIC, extraService: { type: 'LoadBalancer' } } }],
  ])('are not worth a word when %s', async (_, values) => {
    const text = await notes(values);
    expect(text).toContain('is installed as "kopr"');
    expect(text).not.toContain('for one client');
  });

  it.each(['proxy.example', '10.0.0.0/8,10.1.0.0/16', ''])('"%s" is not taken for a proxy', async (proxy) => {
    await expect(manifests({ values: { distgit: { trustedProxies: [proxy] } } })).rejects.toThrow(
      /at '\/distgit\/trustedProxies\/0'.*does not match pattern/,
    );
  });
});
