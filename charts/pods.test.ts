import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HELP as apiHelp, readConfig as readApiConfig } from '../api/config.ts';
import { HELP as operatorHelp, readConfig as readOperatorConfig } from '../controllers/config.ts';
import { HELP as distgitHelp, loadConfig as loadDistgitConfig } from '../services/distgit/config.ts';
import { helpText as keygenHelp, readConfig as readKeygenConfig } from '../services/keygen/config.ts';
import { helpText as publisherHelp, readConfig as readPublisherConfig } from '../services/publisher/config.ts';
import { readConfig as readBootstrapConfig } from './bootstrap/config.ts';
import type { KubeDocument } from './testing/helm.ts';
import { CHART, manifests } from './testing/helm.ts';
import type { TestContainer, TestPod } from './testing/pods.ts';
import { envOf, podsOf } from './testing/pods.ts';

const FILES = [[], [join(CHART, 'ci/production.yaml')], [join(import.meta.dirname, 'testing/values/everything.yaml')]];
let documents: KubeDocument[] = [];
let pods: TestPod[] = [];

beforeAll(async () => {
  documents = (await Promise.all(FILES.map((files) => manifests({ files })))).flat();
  pods = podsOf(documents);
}, 60_000);

function eachContainer(): [string, TestContainer, TestPod][] {
  return pods.flatMap((pod) =>
    pod.spec.containers.map((c): [string, TestContainer, TestPod] => [`${pod.owner} ${c.name}`, c, pod]),
  );
}

describe('every pod of kopr', () => {
  it('is there to be looked at', () => {
    expect(pods.map(({ owner }) => owner)).toEqual(
      expect.arrayContaining([
        'Deployment kopr-operator',
        'StatefulSet kopr-keygen',
        'StatefulSet kopr-distgit',
        'StatefulSet kopr-publisher',
        'Deployment kopr-api',
        'StatefulSet kopr-postgres',
        'Deployment kopr-redis',
        'Job kopr-bootstrap',
        'Job kopr-drain',
        'Pod kopr-selftest',
      ]),
    );
  });

  it('meets the Pod Security Standard "restricted", with a read-only root file system on top', () => {
    for (const [name, container, pod] of eachContainer()) {
      expect(pod.spec.securityContext, name).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(container.securityContext, name).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.securityContext, name).not.toHaveProperty('privileged');
    }
    const volumes = pods
      .flatMap(({ spec }) => spec.volumes ?? [])
      .flatMap((volume) => Object.keys(volume).filter((key) => key !== 'name'));
    expect(new Set(volumes)).toEqual(new Set(['secret', 'emptyDir', 'configMap', 'persistentVolumeClaim']));
  });

  it('holds a token for the API server only where it calls it', () => {
    const withToken = pods
      .filter(({ spec }) => spec.automountServiceAccountToken !== false)
      .map(({ owner }) => owner.split(' ')[1]);
    expect(new Set(withToken.map((name) => name?.replace(/^(kopr|rpms)-/, '')))).toEqual(
      new Set(['operator', 'api', 'resalloc', 'bootstrap', 'drain', 'selftest']),
    );
    for (const { spec } of pods) expect(spec.serviceAccountName).not.toBe('default');
  });

  it('has memory limits and learns of no other Service by its environment', () => {
    for (const [name, container, pod] of eachContainer()) {
      expect(container.resources?.limits, name).toHaveProperty('memory');
      expect(pod.spec.enableServiceLinks, name).toBe(false);
    }
  });

  it('mounts each of its volumes and a writable /tmp', () => {
    for (const [name, container] of eachContainer()) {
      const mounts = container.volumeMounts ?? [];
      expect(mounts.find(({ mountPath }) => mountPath === '/tmp')?.readOnly, name).toBeUndefined();
      expect(
        mounts.map(({ mountPath }) => mountPath),
        name,
      ).toContain('/tmp');
      for (const mount of mounts.filter(({ mountPath }) => mountPath.startsWith('/etc/')))
        expect(mount.readOnly, name).toBe(true);
    }
  });
});

describe('Services', () => {
  it('lead to pods that have the ports they name', () => {
    for (const service of documents.filter(({ kind }) => kind === 'Service')) {
      const { selector, ports } = service.spec as {
        selector: Record<string, string>;
        ports: { name: string; targetPort: string }[];
      };
      const chosen = pods.filter(({ labels }) =>
        Object.entries(selector).every(([key, value]) => labels[key] === value),
      );
      expect(chosen.length, service.metadata.name).toBeGreaterThan(0);
      for (const { targetPort } of ports) {
        const named = chosen.flatMap(({ spec }) => spec.containers).flatMap((container) => container.ports ?? []);
        expect(
          named.map(({ name }) => name),
          service.metadata.name,
        ).toContain(targetPort);
      }
    }
  });
});

describe('NetworkPolicies', () => {
  /** As the chart makes it without other values: these come first. */
  function defaultPolicy(name: string): KubeDocument {
    const found = documents.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === name);
    if (!found) throw new Error(`there is no NetworkPolicy ${name}`);
    return found;
  }

  it('choose every component of kopr, and close both directions', () => {
    const policies = documents.filter(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name.startsWith('kopr-'),
    );
    const closed = policies.filter((policy) => (policy.spec as { policyTypes: string[] }).policyTypes.length === 2);
    for (const { labels, owner } of pods.filter(({ owner: name }) => name.includes(' kopr-'))) {
      const hits = closed.filter((policy) => {
        const { podSelector } = policy.spec as { podSelector: { matchLabels?: Record<string, string> } };
        const wanted = Object.entries(podSelector.matchLabels ?? {});
        return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
      });
      expect(hits.length, owner).toBeGreaterThan(0);
    }
  });

  it('let nothing but the publisher reach keygen, and keygen reach nothing', () => {
    const { ingress, egress } = defaultPolicy('kopr-keygen').spec as {
      ingress: { from: object[]; ports: object[] }[];
      egress: object[];
    };
    expect(egress).toEqual([]);
    expect(ingress).toHaveLength(1);
    expect(JSON.stringify(ingress[0]?.from)).toContain('"app.kubernetes.io/component":"publisher"');
    expect(ingress[0]?.from).toHaveLength(1);
    expect(ingress[0]?.ports).toEqual([5167, 5003].map((port) => ({ protocol: 'TCP', port })));
  });

  it('deny the namespace of builds everything before anything is allowed there', () => {
    expect(defaultPolicy('kopr-deny-all').metadata.namespace).toBe('kopr-builds');
    expect(defaultPolicy('kopr-deny-all').spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });

  it('keep private networks and the metadata service of clouds from builds', () => {
    const text = JSON.stringify(defaultPolicy('kopr-builders').spec);
    for (const cidr of [
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '169.254.0.0/16',
      '100.64.0.0/10',
      'fc00::/7',
      'fe80::/10',
    ]) {
      expect(text).toContain(`"${cidr}"`);
    }
  });
});

describe('the environment of each process', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'kopr-chart-'));
    writeFileSync(join(dir, 'key'), 'k'.repeat(48));
    writeFileSync(join(dir, 'url'), 'postgresql://kopr:secret@kopr-postgres:5432/kopr');
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const environments = (suffix: string): Record<string, string>[] =>
    eachContainer()
      .filter(([name]) => name.endsWith(suffix))
      .map(([, container]) => envOf(container));

  it.each<[string, string, (env: Record<string, string>) => unknown]>([
    ['operator', 'operator operator', (env) => readOperatorConfig({ ...env, KOPR_TOKEN_KEY_FILE: join(dir, 'key') })],
    [
      'api',
      'api api',
      (env) =>
        readApiConfig({
          ...env,
          KOPR_UPLOAD_KEY_FILE: join(dir, 'key'),
          KOPR_DATABASE_URL_FILE: join(dir, 'url'),
        }),
    ],
    ['keygen', 'keygen keygen', (env) => readKeygenConfig(env)],
    ['distgit', 'distgit distgit', (env) => loadDistgitConfig(env)],
    ['publisher', 'publisher publisher', (env) => readPublisherConfig(env)],
    ['bootstrap', 'bootstrap bootstrap', (env) => readBootstrapConfig(env)],
    ['drain', 'drain bootstrap', (env) => readBootstrapConfig(env)],
  ])('of %s is what its own program takes', (_, suffix, read) => {
    const found = environments(suffix);
    expect(found).toHaveLength(FILES.length);
    for (const env of found) expect(() => read(env)).not.toThrow();
  });

  it.each<[string, string, string]>([
    ['operator', 'operator operator', operatorHelp],
    ['api', 'api api', apiHelp],
    ['keygen', 'keygen keygen', keygenHelp()],
    ['distgit', 'distgit distgit', distgitHelp],
    ['publisher', 'publisher publisher', publisherHelp()],
  ])('of %s holds nothing that the program does not know', (_, suffix, help) => {
    const names = environments(suffix).flatMap((env) => Object.keys(env).filter((name) => name.startsWith('KOPR_')));
    for (const name of names) expect(help).toMatch(new RegExp(`^\\s*${name}\\b`, 'm'));
  });

  it('sends distgit to the same results that the publisher writes', () => {
    const [operator] = environments('operator operator');
    const [distgit] = environments('distgit distgit');
    expect(distgit?.KOPR_SRPM_ORIGINS).toBe(operator?.KOPR_RESULTS_INTERNAL_URL);
  });
});
