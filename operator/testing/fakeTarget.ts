/** What a request is about: a kind, and some or one of its objects. */
import type { KubeObject, ResourceType } from '../resource.ts';
import { resourcePath } from '../resource.ts';
import { Refusal } from './fakeStorage.ts';
import type { Matcher } from './selectors.ts';
import { fieldMatcher, labelMatcher } from './selectors.ts';

export interface Target {
  type: ResourceType<KubeObject>;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

/** Throws NotFound for a path that belongs to none of the types. */
export function parseTarget(types: readonly ResourceType<KubeObject>[], path: string): Target {
  for (const type of types) {
    const root = resourcePath(type).slice(0, -type.plural.length - 1);
    if (!path.startsWith(`${root}/`)) continue;
    const steps = path
      .slice(root.length + 1)
      .split('/')
      .map(decodeURIComponent);
    const namespace = type.namespaced && steps[0] === 'namespaces' && steps.length > 2 ? steps[1] : undefined;
    const [plural, name, subresource] = namespace === undefined ? steps : steps.slice(2);
    if (plural === type.plural) return { type, namespace, name, subresource };
  }
  throw new Refusal(404, 'NotFound', `the server could not find the requested resource ${path}`);
}

export function matcherOf({ type, namespace }: Target, query: Record<string, string>): Matcher {
  const byLabel = labelMatcher(query.labelSelector);
  const byField = fieldMatcher(query.fieldSelector);
  return (object) =>
    (!type.namespaced || namespace === undefined || object.metadata.namespace === namespace) &&
    byLabel(object) &&
    byField(object);
}
