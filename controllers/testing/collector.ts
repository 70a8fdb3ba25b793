/**
 * The garbage collector of Kubernetes, as far as kopr relies on it: the API server of tests comes without one.
 *
 *   owner gone ──▶ the dependent is deleted
 *   owner being deleted in the foreground ──▶ its dependents are deleted, foreground too ──▶ its finalizer is removed
 */

import { Builds } from '../../crds/build.ts';
import { Builders } from '../../crds/builder.ts';
import { BuilderTickets } from '../../crds/builderticket.ts';
import { ChrootBuilds } from '../../crds/chrootbuild.ts';
import { Jobs, Pods, Secrets } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { controllerOf, keyOf } from '../../operator/resource.ts';
import { isGoneOrOther } from '../shared/patch.ts';

const FOREGROUND = 'foregroundDeletion';

/** Owners and what they own. */
const OWNED = [
  { owner: Builds, dependent: ChrootBuilds },
  { owner: ChrootBuilds, dependent: BuilderTickets },
  { owner: Builders, dependent: Secrets },
  { owner: Builders, dependent: Pods },
  { owner: Jobs, dependent: Pods },
] as unknown as { owner: ResourceType<KubeObject>; dependent: ResourceType<KubeObject> }[];

const ALL = [...new Set(OWNED.flatMap(({ owner, dependent }) => [owner, dependent]))];

export function addCollector(manager: Manager): void {
  for (const type of ALL) {
    manager.addIndex(type, 'collector', (object) => [controllerOf(object)?.uid ?? '']);
    const owners = OWNED.filter(({ dependent }) => dependent === type).map(({ owner }) => owner);
    const dependents = OWNED.filter(({ owner }) => owner === type).map(({ dependent }) => dependent);
    manager.addController({
      name: `collector-${type.plural}`,
      for: type,
      owns: dependents,
      watches: [...new Set(owners)].map((owner) => ({
        type: owner,
        map: (object) =>
          manager
            .store(type)
            .byIndex('collector', object.metadata.uid ?? '')
            .map(keyOf),
      })),
      reconcile: (key) => collect(manager, type, key),
      rbac: [],
    });
  }
}

async function collect(manager: Manager, type: ResourceType<KubeObject>, key: string): Promise<void> {
  const object = manager.store(type).get(key);
  if (object === undefined) return;
  try {
    if (object.metadata.deletionTimestamp !== undefined) await letGo(manager, type, object);
    else await deleteWithOwner(manager, type, object);
  } catch (error) {
    // It changed meanwhile; the change brings its key back.
    if (!isGoneOrOther(error)) throw error;
  }
}

async function deleteWithOwner(manager: Manager, type: ResourceType<KubeObject>, object: KubeObject): Promise<void> {
  const reference = controllerOf(object);
  const entry = OWNED.find(({ owner, dependent }) => dependent === type && owner.kind === reference?.kind);
  if (reference === undefined || entry === undefined) return;
  const { namespace } = object.metadata;
  const owner = await manager.client.get(entry.owner, `${namespace}/${reference.name}`);
  const gone = owner?.metadata.uid !== reference.uid;
  const foreground = owner?.metadata.finalizers?.includes(FOREGROUND) === true;
  if (!gone && !(owner?.metadata.deletionTimestamp !== undefined && foreground)) return;
  await manager.client.delete(type, keyOf(object), {
    uid: object.metadata.uid ?? '',
    propagationPolicy: gone ? 'Background' : 'Foreground',
  });
}

/** The finalizer goes when the last dependent has. */
async function letGo(manager: Manager, type: ResourceType<KubeObject>, object: KubeObject): Promise<void> {
  const { uid = '', finalizers = [] } = object.metadata;
  if (!finalizers.includes(FOREGROUND)) return;
  const dependents = OWNED.filter(({ owner }) => owner === type).flatMap(({ dependent }) =>
    manager.store(dependent).byIndex('collector', uid),
  );
  if (dependents.length > 0) return;
  await manager.client.patchFinalizers(
    type,
    object,
    finalizers.filter((name) => name !== FOREGROUND),
  );
}
