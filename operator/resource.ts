/**
 * What every Kubernetes object looks like to kopr: raw JSON with a typed envelope. Nothing is decoded or
 * dropped on the way, so fields this version does not know survive.
 */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown;
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** Names one kind of object. `T` is the shape of its objects; `_type` exists for inference only. */
export interface ResourceType<T extends KubeObject> {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  readonly _type?: T;
}

/** "namespace/name", or "name" when the object is cluster-scoped. */
export function keyOf(obj: { metadata: { name: string; namespace?: string } }): string {
  const { namespace, name } = obj.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

export function parseKey(key: string): { namespace?: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** "v1" or "group/v1". */
export function apiVersionOf(type: ResourceType<KubeObject>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** "pods" or "builds.kopr.dev": the name kubectl and RBAC know the type by. */
export function typeName(type: ResourceType<KubeObject>): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

/** The URL path of a collection, or of one object when `name` is given. */
export function resourcePath(
  type: ResourceType<KubeObject>,
  where: { namespace?: string; name?: string; subresource?: string } = {},
): string {
  let path = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  if (type.namespaced && where.namespace) path += `/namespaces/${encodeURIComponent(where.namespace)}`;
  path += `/${type.plural}`;
  if (where.name !== undefined) path += `/${encodeURIComponent(where.name)}`;
  if (where.subresource !== undefined) path += `/${where.subresource}`;
  return path;
}

/** A reference that makes the garbage collector delete the dependent together with `owner`. */
export function ownerReference(owner: KubeObject, options: { controller: boolean }): OwnerReference {
  const { uid, name } = owner.metadata;
  if (!uid)
    throw new Error(`${owner.kind} ${keyOf(owner)} has no uid; only an object read from the cluster can own others`);
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name,
    uid,
    controller: options.controller,
    blockOwnerDeletion: true,
  };
}

/** The reference to the one controller that owns `obj`, if any. */
export function controllerOf(obj: KubeObject): OwnerReference | undefined {
  return obj.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** Leads from an object to the key of the object of type `owner` that is its controller, in the same namespace. */
export function ownerKeys<T extends KubeObject>({
  kind,
  group,
  namespaced,
}: ResourceType<T>): (obj: KubeObject) => string[] {
  return (obj) => {
    const owner = controllerOf(obj);
    if (!owner || owner.kind !== kind || groupOf(owner.apiVersion) !== group) return [];
    const { namespace } = obj.metadata;
    return [namespaced && namespace ? `${namespace}/${owner.name}` : owner.name];
  };
}

export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}
