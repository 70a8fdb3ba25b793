import type { z } from 'zod';
import type { Kind } from './kind.ts';
import { GROUP, VERSION } from './kind.ts';
import type { StructuralSchema } from './schema.ts';
import { structuralSchema } from './schema.ts';

export type AnyKind = Kind<z.ZodType, z.ZodType>;

export interface CustomResourceDefinition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string };
  spec: {
    group: string;
    names: {
      kind: string;
      listKind: string;
      plural: string;
      singular: string;
      shortNames: string[];
      categories: string[];
    };
    scope: 'Namespaced' | 'Cluster';
    versions: {
      name: string;
      served: boolean;
      storage: boolean;
      schema: { openAPIV3Schema: StructuralSchema };
      subresources?: { status: object; scale?: object };
      additionalPrinterColumns: object[];
      selectableFields?: { jsonPath: string }[];
    }[];
  };
}

/** Not `all`: builds are many, and `kubectl get all` should stay readable. */
const CATEGORY = 'kopr';

export function crdOf(kind: AnyKind): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: kind.shortNames,
        categories: [CATEGORY],
      },
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: rootSchema(kind) },
          ...(kind.status === undefined
            ? {}
            : { subresources: { status: {}, ...(kind.scale === undefined ? {} : { scale: { ...kind.scale } }) } }),
          additionalPrinterColumns: kind.columns.map(({ name, type, jsonPath, description, priority }) => ({
            name,
            type,
            jsonPath,
            description,
            ...(priority === undefined ? {} : { priority }),
          })),
          ...(kind.selectableFields.length === 0
            ? {}
            : { selectableFields: kind.selectableFields.map((jsonPath) => ({ jsonPath })) }),
        },
      ],
    },
  };
}

/** The whole object. `spec` is required: without it no default inside it would be filled in. */
export function rootSchema(kind: AnyKind): StructuralSchema {
  return {
    description: kind.description,
    type: 'object',
    properties: {
      apiVersion: { description: `Version of this representation: ${GROUP}/${VERSION}.`, type: 'string' },
      kind: { description: `Kind of the object: ${kind.kind}.`, type: 'string' },
      // The API server knows what metadata is and refuses any description of it.
      metadata: { type: 'object' },
      spec: structuralSchema(kind.spec),
      ...(kind.status === undefined ? {} : { status: structuralSchema(kind.status) }),
    },
    required: ['spec'],
    ...(kind.rules.length === 0 ? {} : { 'x-kubernetes-validations': kind.rules.map((rule) => ({ ...rule })) }),
  };
}
