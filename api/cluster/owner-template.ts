/** The objects that the namespace of each new owner gets, read from a file of the administrator. */
import { parse } from 'yaml';
import { z } from 'zod';
import { BuildQuotas } from '../../crds/buildquota.ts';
import { errorMessage } from '../../lib/errors.ts';
import { oneSentence } from '../../lib/text/one-sentence.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { apiVersionOf } from '../../operator/resource.ts';

export interface TemplateObject {
  type: ResourceType<KubeObject>;
  /** Without a namespace. */
  object: { metadata: { name: string } } & Record<string, unknown>;
}

function core(kind: string, plural: string): ResourceType<KubeObject> {
  return { group: '', version: 'v1', kind, plural, namespaced: true };
}

/** The kinds that the API has the right to write. */
const TYPES: readonly ResourceType<KubeObject>[] = [
  core('ResourceQuota', 'resourcequotas'),
  core('LimitRange', 'limitranges'),
  { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy', plural: 'networkpolicies', namespaced: true },
  BuildQuotas,
];

const objects = z.array(
  z.looseObject({
    apiVersion: z.string(),
    kind: z.string(),
    metadata: z.looseObject({ name: z.string().min(1) }),
  }),
);

/** @param text YAML, a list of objects. Throws with a sentence for the administrator when it is none. */
export function parseOwnerTemplate(text: string): readonly TemplateObject[] {
  let value: unknown;
  try {
    value = parse(text) ?? [];
  } catch (error) {
    throw new Error(`the template of owners is no YAML: ${oneSentence(errorMessage(error), 300)}`, { cause: error });
  }
  const parsed = objects.safeParse(value);
  if (!parsed.success) {
    throw new Error('the template of owners must be a list of objects, each with apiVersion, kind and metadata.name');
  }
  return parsed.data.map((object) => {
    const { apiVersion, kind, metadata } = object;
    const type = TYPES.find((candidate) => candidate.kind === kind && apiVersionOf(candidate) === apiVersion);
    if (type === undefined) {
      const known = TYPES.map((candidate) => candidate.kind).join(', ');
      throw new Error(`the template of owners has a ${kind} of ${apiVersion}; kopr makes no others than ${known}`);
    }
    const { namespace: _ignored, ...rest } = metadata;
    return { type, object: { ...object, metadata: rest } };
  });
}
