/** Objects for tests: valid, small, and with only the fields a test cares about spelled out. */
import type { Lease, Pod, Secret } from '../core.ts';
import type { KubeObject, ObjectMeta, ResourceType } from '../resource.ts';

export interface Widget extends KubeObject {
  spec: { size?: number; colour?: string; [field: string]: unknown };
  status?: { phase?: string; [field: string]: unknown };
}

/** A custom resource that exists for tests only. */
export const Widgets: ResourceType<Widget> = {
  group: 'test.kopr.dev',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};

export interface Gadget extends KubeObject {
  spec?: Record<string, unknown>;
}

export const Gadgets: ResourceType<Gadget> = {
  group: 'test.kopr.dev',
  version: 'v1',
  kind: 'Gadget',
  plural: 'gadgets',
  namespaced: false,
};

export function meta(key: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
  const slash = key.indexOf('/');
  const name = slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
  return { ...name, ...more };
}

export function aWidget(key: string, more: { metadata?: Partial<ObjectMeta>; spec?: Widget['spec'] } = {}): Widget {
  return {
    apiVersion: 'test.kopr.dev/v1',
    kind: 'Widget',
    metadata: meta(key, more.metadata),
    spec: more.spec ?? { size: 1 },
  };
}

export function aPod(key: string, more: { metadata?: Partial<ObjectMeta>; status?: Pod['status'] } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(key, more.metadata),
    spec: { containers: [{ name: 'main', image: 'example.invalid/main' }], restartPolicy: 'Never' },
    ...(more.status === undefined ? {} : { status: more.status }),
  };
}

export function aSecret(key: string, data: Record<string, string> = {}): Secret {
  return { apiVersion: 'v1', kind: 'Secret', metadata: meta(key), stringData: data };
}

export function aLease(key: string, spec: Lease['spec'] = {}): Lease {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: meta(key), spec };
}
