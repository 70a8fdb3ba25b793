import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KubeDocument } from './testing/helm.ts';
import { CHART, manifests, pick } from './testing/helm.ts';
import { podsOf } from './testing/pods.ts';

const EVERYTHING = join(import.meta.dirname, 'testing/values/everything.yaml');

describe('metrics', () => {
  const WORKLOADS = [
    ['Deployment', 'kopr-operator'],
    ['Deployment', 'kopr-api'],
    ['StatefulSet', 'kopr-keygen'],
    ['StatefulSet', 'kopr-distgit'],
    ['StatefulSet', 'kopr-publisher'],
  ] as const;

  it('are off by default: no process serves them, no Service leads to them, no token is made', async () => {
    const documents = await manifests();
    for (const [kind, name] of WORKLOADS)
      expect(JSON.stringify(pick(documents, kind, name))).not.toMatch(/KOPR_METRICS(_TOKEN_FILE)?"|metrics-token/);
    const names = documents.map(({ metadata }) => metadata.name);
    expect(names.filter((name) => name.includes('metrics'))).toEqual([]);
  });

  it.each<[string, object, string, string]>([
    ['metrics.enabled', { metrics: { enabled: true } }, 'kopr-metrics-token', 'token'],
    ['serviceMonitor.enabled', { serviceMonitor: { enabled: true } }, 'kopr-metrics-token', 'token'],
    [
      'a Secret of one’s own',
      { metrics: { token: { existingSecret: 'mine', key: 'bearer' } }, serviceMonitor: { enabled: true } },
      'mine',
      'bearer',
    ],
  ])('with %s are served to the holder of the token', async (_, monitoring, secretName, key) => {
    const documents = await manifests({ values: { monitoring } });
    expect(pick(documents, 'Service', 'kopr-metrics')).toBeDefined();
    for (const [kind, name] of WORKLOADS) {
      const [pod] = podsOf([pick(documents, kind, name)]);
      const container = pod?.spec.containers[0];
      expect(container?.env).toEqual(
        expect.arrayContaining([
          { name: 'KOPR_METRICS', value: 'on' },
          { name: 'KOPR_METRICS_TOKEN_FILE', value: '/etc/kopr/metrics/token' },
        ]),
      );
      const mount = { name: 'metrics-token', mountPath: '/etc/kopr/metrics', readOnly: true };
      expect(container?.volumeMounts).toContainEqual(mount);
      const secret = { secretName, defaultMode: 0o440, items: [{ key, path: 'token' }] };
      expect(pod?.spec.volumes).toContainEqual({ name: 'metrics-token', secret });
    }
    const monitors = documents.filter(({ kind }) => kind === 'ServiceMonitor');
    expect(monitors).toHaveLength('serviceMonitor' in monitoring ? 1 : 0);
    for (const { spec } of monitors) {
      const authorization = { type: 'Bearer', credentials: { name: secretName, key } };
      expect((spec as { endpoints: object[] }).endpoints).toEqual([expect.objectContaining({ authorization })]);
    }
  });

  it('get a random token of 48 characters, unless there is a Secret already', async () => {
    const made = async (monitoring: object): Promise<KubeDocument[]> =>
      (await manifests({ values: { monitoring } })).filter(({ kind, metadata }) => {
        return kind === 'Secret' && metadata.name.endsWith('metrics-token');
      });
    const secrets = await made({ metrics: { enabled: true } });
    const [{ token }] = secrets.map(({ data }) => data) as [{ token: string }];
    expect(Buffer.from(token, 'base64').toString()).toMatch(/^[A-Za-z0-9]{48}$/);
    expect(await made({ metrics: { enabled: true, token: { existingSecret: 'mine' } } })).toEqual([]);
  });
});

/** Names of metrics that the processes register, from the sources that do so. */
function registered(): string {
  const sources = [
    'operator/metrics.ts',
    'operator/manager.ts',
    'controllers/ticket/metrics.ts',
    'controllers/pool/metrics.ts',
    'services/publisher/metrics.ts',
    'services/keygen/metrics.ts',
  ];
  return sources
    .map((path) => join(CHART, '../..', path))
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
}

function metricsIn(text: string): string[] {
  const names = [...text.matchAll(/\b(kopr|controller_runtime|leader_election|workqueue)_[a-z_]+/g)].map(
    ([name]) => name,
  );
  return [...new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, '')))];
}

describe('alerts', () => {
  it('ask for metrics that the processes have', async () => {
    const documents = await manifests({ files: [EVERYTHING] });
    const names = metricsIn(JSON.stringify(pick(documents, 'PrometheusRule', 'rpms').spec));
    expect(names.length).toBeGreaterThan(6);
    for (const name of names) expect(registered()).toContain(`'${name}'`);
  });

  it('are about pools that nobody has put to rest', async () => {
    const documents = await manifests({ files: [EVERYTHING] });
    const { groups } = pick(documents, 'PrometheusRule', 'rpms').spec as {
      groups: { rules: { alert: string; expr: string }[] }[];
    };
    const rule = groups[0]?.rules.find(({ alert }) => alert === 'KoprPoolNotReady');
    expect(rule?.expr).toBe(
      'max by (pool, reason) (kopr_builder_pool_ready{namespace="kopr-system",job="rpms-metrics",reason!~"Suspended|ScaledToZero|Deleting"}) == 0',
    );
  });
});

describe('the dashboard', () => {
  async function dashboard(): Promise<{ panels: { title: string; targets: { expr: string }[] }[] }> {
    const config = pick(await manifests({ files: [EVERYTHING] }), 'ConfigMap', 'rpms-dashboard');
    expect(config.metadata.labels).toMatchObject({ dashboards: 'kopr' });
    const [text] = Object.values(config.data as Record<string, string>);
    return JSON.parse(text ?? '') as Awaited<ReturnType<typeof dashboard>>;
  }

  it('asks for metrics that the processes have', async () => {
    const { panels } = await dashboard();
    expect(panels.length).toBeGreaterThan(5);
    for (const name of metricsIn(JSON.stringify(panels))) expect(registered()).toContain(`'${name}'`);
  });

  it('is not made unless it is wanted', async () => {
    const names = (await manifests()).map(({ metadata }) => metadata.name);
    expect(names).not.toContain('kopr-dashboard');
  });
});
