import { beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../crds/testing/api.ts';
import type { KubeDocument } from './testing/helm.ts';
import { manifests } from './testing/helm.ts';
import { machinePods } from './testing/machine-pods.ts';

interface Policy {
  podSelector: { matchLabels?: Labels; matchExpressions?: { key: string; operator: string; values: string[] }[] };
  policyTypes: string[];
  ingress?: object[];
  egress?: { to?: Peer[]; ports?: { port: number }[] }[];
}
interface Peer {
  ipBlock?: { cidr: string; except?: string[] };
  namespaceSelector?: Json;
  podSelector?: { matchLabels?: Labels };
}
type Labels = Record<string, string>;

const MACHINES = { networkPolicy: { machines: { cidrs: ['10.1.0.0/16'] } } };
let documents: KubeDocument[];

beforeAll(async () => {
  documents = await manifests({ values: MACHINES });
});

const labelsOf = (pod: Json): Labels => (pod.metadata as { labels: Labels }).labels;

/** The policies of the namespace of builds that hold for a pod with these labels. */
function policiesFor(labels: Labels, from = documents): Policy[] {
  return from
    .filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'kopr-builds')
    .map(({ spec }) => spec as Policy)
    .filter(({ podSelector: { matchLabels = {}, matchExpressions = [] } }) => {
      const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
      return equal && matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''));
    });
}

/** Where such a pod may go: the component of kopr, a block of addresses, or a namespace. */
function destinations(labels: Labels, from = documents): string[] {
  const peers = policiesFor(labels, from).flatMap(({ egress = [] }) => egress.flatMap(({ to }) => to ?? []));
  return peers.map(({ ipBlock, podSelector, namespaceSelector }) => {
    if (ipBlock !== undefined) return ipBlock.cidr;
    const { matchLabels = {} } = podSelector ?? {};
    return matchLabels['app.kubernetes.io/component'] ?? matchLabels['k8s-app'] ?? JSON.stringify(namespaceSelector);
  });
}

const BUILD = ['kube-dns', 'distgit', 'publisher', '0.0.0.0/0', '::/0'];
const BUILDER = { 'app.kubernetes.io/name': 'kopr-builder' };

describe('the network of a pod in the namespace of builds', () => {
  it('lets nobody in, whatever the pod is', () => {
    for (const labels of [BUILDER, {}, ...Object.values(machinePods()).map(labelsOf)]) {
      const policies = policiesFor(labels);
      expect(policies.some(({ policyTypes }) => policyTypes.includes('Ingress'))).toBe(true);
      expect(policies.flatMap(({ ingress = [] }) => ingress)).toEqual([]);
    }
  });

  it('is that of builds for builders, which reach no machine', () => {
    expect(destinations(BUILDER)).toEqual(BUILD);
  });

  it('is that of builds and the machines for drivers, at the port of sshd', () => {
    expect(destinations(labelsOf(machinePods().driver))).toEqual([...BUILD, '10.1.0.0/16']);
    const toMachines = policiesFor(labelsOf(machinePods().driver)).flatMap(({ egress = [] }) =>
      egress.filter(({ to }) => to?.some(({ ipBlock }) => ipBlock?.cidr === '10.1.0.0/16')),
    );
    expect(toMachines.map(({ ports }) => ports?.map(({ port }) => port))).toEqual([[22]]);
  });

  it('is machines alone for probes, which hold their key', () => {
    expect(destinations(labelsOf(machinePods().probe))).toEqual(['kube-dns', '10.1.0.0/16']);
  });

  it('is everything for hooks but the namespaces of kopr and metadata services', () => {
    const labels = labelsOf(machinePods().hook);
    const others = {
      matchExpressions: [
        { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kopr-system', 'kopr-builds'] },
      ],
    };
    expect(destinations(labels)).toEqual(['kube-dns', '10.1.0.0/16', '0.0.0.0/0', '::/0', JSON.stringify(others)]);
    const blocks = policiesFor(labels).flatMap(({ egress = [] }) =>
      egress.flatMap(({ to = [] }) => to.map(({ ipBlock }) => ipBlock)),
    );
    expect(blocks.find((block) => block?.cidr === '0.0.0.0/0')?.except).toEqual(['169.254.0.0/16']);
  });

  it('is nothing for placeholders', () => {
    expect(destinations(labelsOf(machinePods().placeholder))).toEqual([]);
  });

  it('has no machines in it until somebody says where they are', async () => {
    const bare = await manifests();
    expect(destinations(labelsOf(machinePods().driver), bare)).toEqual(BUILD);
    expect(destinations(labelsOf(machinePods().probe), bare)).toEqual(['kube-dns']);
  });

  it('leads to kopr’s own services from builders and drivers alone', () => {
    const open = documents
      .filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'kopr-system')
      .flatMap(({ spec }) =>
        ((spec as { ingress?: { from?: Peer[] }[] }).ingress ?? []).flatMap(({ from }) => from ?? []),
      )
      .filter(({ namespaceSelector }) => namespaceSelector !== undefined);
    expect(open.length).toBeGreaterThan(0);
    for (const { podSelector } of open) expect(podSelector).toEqual({ matchLabels: BUILDER });
  });
});
