import { z } from 'zod';
import { BuilderPools } from '../../crds/builderpool.ts';
import { BuildQuotas } from '../../crds/buildquota.ts';
import { Chroots } from '../../crds/chroot.ts';
import { API_VERSION } from '../../crds/kind.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';

/** An object of kopr's own kinds that comes from the values of the chart. */
export interface ValuesObject extends KubeObject {
  spec: Record<string, unknown>;
}

/** Marks what came from the values of a release, so that it can go when it leaves them. */
export const FROM_VALUES = 'kopr.dev/from-values';

export interface Target {
  type: ResourceType<ValuesObject>;
  /** Undefined for a kind of the whole cluster. */
  namespace?: string;
}

/** The kinds that values may hold, and the one namespace each of them lives in. */
export function targets(where: { releaseNamespace: string; buildsNamespace: string }): Target[] {
  return [
    { type: { ...Chroots } },
    { type: { ...BuilderPools }, namespace: where.buildsNamespace },
    { type: { ...BuildQuotas }, namespace: where.releaseNamespace },
  ];
}

const file = z.array(
  z.strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.string(),
    metadata: z.strictObject({ name: z.string().min(1), namespace: z.string().optional() }),
    spec: z.record(z.string(), z.unknown()),
  }),
);

/** Reads the file that the chart writes. Throws when it holds a kind, or a namespace, that none of `allowed` names. */
export function parseObjects(text: string, allowed: readonly Target[], release: string): ValuesObject[] {
  const objects: ValuesObject[] = file.parse(JSON.parse(text)).map(({ metadata, ...rest }) => ({
    ...rest,
    metadata: {
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels: { [FROM_VALUES]: release },
    },
  }));
  const seen = new Set<string>();
  for (const object of objects) {
    targetOf(object, allowed);
    const id = `${object.kind} ${keyOf(object)}`;
    if (seen.has(id)) throw new Error(`the values name ${id} twice; remove one of the two`);
    seen.add(id);
  }
  return objects;
}

export function targetOf(object: ValuesObject, allowed: readonly Target[]): Target {
  const found = allowed.find(
    ({ type, namespace }) => type.kind === object.kind && namespace === object.metadata.namespace,
  );
  if (!found) throw new Error(`${object.kind} ${keyOf(object)} is no object that the values of the chart may hold`);
  return found;
}

/** What came from the values once and is no longer in them. */
export function leftovers(existing: readonly ValuesObject[], desired: readonly ValuesObject[]): ValuesObject[] {
  const wanted = new Set(desired.map((object) => `${object.kind} ${keyOf(object)}`));
  return existing.filter((object) => !wanted.has(`${object.kind} ${keyOf(object)}`));
}
