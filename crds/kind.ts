import type { z } from 'zod';
import type { KubeObject, ObjectMeta, ResourceType } from '../operator/resource.ts';

export const GROUP = 'kopr.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** A column of `kubectl get`. `priority: 1` shows it with `-o wide` only. */
export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'date';
  jsonPath: string;
  description: string;
  priority?: number;
}

/** A CEL rule on the whole object (it may look at `self.metadata.name`). */
export interface ObjectRule {
  rule: string;
  message: string;
}

/** One custom resource kind: the single source of its types, CRD, validation and reference page. */
export interface Kind<Spec extends z.ZodType, Status extends z.ZodType> {
  kind: string;
  plural: string;
  shortNames: string[];
  namespaced: boolean;
  description: string;
  spec: Spec;
  /** Absent when nothing is observed: a field comes with what writes it. */
  status?: Status;
  columns: PrinterColumn[];
  /** JSON paths usable as field selectors, e.g. `.spec.project`. */
  selectableFields: string[];
  rules: ObjectRule[];
  /** For `kubectl scale`: JSON paths of the wanted and the observed number. */
  scale?: { specReplicasPath: string; statusReplicasPath: string };
}

export interface CustomResource<Spec, Status> extends KubeObject {
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

export type ResourceOf<K> =
  K extends Kind<infer Spec, infer Status> ? CustomResource<z.infer<Spec>, z.infer<Status>> : never;

export function defineKind<Spec extends z.ZodType, Status extends z.ZodType>(
  kind: Kind<Spec, Status>,
): Kind<Spec, Status> {
  return kind;
}

/** What the runtime needs to know to read and write a kind. */
export function resourceType<Spec extends z.ZodType, Status extends z.ZodType>(
  kind: Kind<Spec, Status>,
): ResourceType<CustomResource<z.infer<Spec>, z.infer<Status>>> {
  return { group: GROUP, version: VERSION, kind: kind.kind, plural: kind.plural, namespaced: kind.namespaced };
}
