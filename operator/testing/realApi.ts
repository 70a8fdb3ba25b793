/** What tests on the real API server share: a client, namespaces, and a custom resource of their own. */
import { inject } from 'vitest';

import { systemClock } from '../../lib/clock.ts';
import { loadAccess } from '../access.ts';
import type { ApiClient, ClientOptions } from '../client.ts';
import { isAlreadyExists } from '../client.ts';
import { Namespaces } from '../core.ts';
import type { KubeObject, ResourceType } from '../resource.ts';
import { Gadgets, Widgets } from './builders.ts';
import { eventually, testClient } from './harness.ts';

interface CustomResourceDefinition extends KubeObject {
  spec: unknown;
  status?: { conditions?: { type: string; status: string }[] };
}

const Crds: ResourceType<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

export async function realClient(more: Partial<ClientOptions> = {}): Promise<ApiClient> {
  return testClient(await loadAccess({ clock: systemClock, kubeconfig: inject('kubeconfig') }), more);
}

let serial = 0;

/** A namespace no other test uses. They are not deleted: without a controller manager that never ends. */
export async function freshNamespace(client: ApiClient, prefix: string): Promise<string> {
  serial += 1;
  const name = `${prefix}-${process.pid}-${serial}`;
  await client.create(Namespaces, { metadata: { name } });
  return name;
}

/** Makes Widgets and Gadgets known to the server. May be called by several files at a time. */
export async function installTestKinds(client: ApiClient): Promise<void> {
  const kinds: ResourceType<KubeObject>[] = [Widgets, Gadgets];
  for (const type of kinds) {
    try {
      await client.create(Crds, { metadata: { name: `${type.plural}.${type.group}` }, spec: crdSpec(type) });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
  await eventually(
    'the establishment of the test kinds',
    async () => {
      try {
        for (const type of kinds) await client.list(type, { limit: 1 });
        return true;
      } catch {
        return false;
      }
    },
    30_000,
  );
}

function crdSpec(type: ResourceType<KubeObject>): unknown {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const conditions = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
    items: {
      type: 'object',
      required: ['type'],
      properties: Object.fromEntries(
        ['type', 'status', 'reason', 'message', 'lastTransitionTime'].map((name) => [name, { type: 'string' }]),
      ),
    },
  };
  const spec = {
    ...open,
    properties: {
      size: { type: 'integer' },
      colour: { type: 'string', default: 'grey' },
      tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
      steps: { type: 'array', 'x-kubernetes-list-type': 'atomic', items: open },
    },
  };
  return {
    group: type.group,
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    names: { kind: type.kind, plural: type.plural, singular: type.kind.toLowerCase() },
    versions: [
      {
        name: type.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec, status: { ...open, properties: { phase: { type: 'string' }, conditions } } },
          },
        },
      },
    ],
  };
}
