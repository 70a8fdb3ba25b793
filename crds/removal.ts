import { z } from 'zod';
import { asSet, cel, conditions, objectName, observedGeneration, rules } from './common.ts';
import type { ResourceOf } from './kind.ts';
import { defineKind, resourceType } from './kind.ts';

export const removalSpec = z
  .object({
    project: objectName.max(63).describe('Project in the same namespace.'),
    builds: z
      .array(z.int().min(1))
      .min(1)
      .max(500)
      .meta({ description: 'Numbers of the builds; their Build objects need not exist any more.', ...asSet }),
  })
  .meta({
    description: 'What is to be removed. It cannot be changed.',
    ...rules(
      cel(
        'self.project == oldSelf.project && self.builds == oldSelf.builds',
        'a Removal cannot be changed; create another one',
      ),
    ),
  });

export const removalStatus = z
  .object({
    observedGeneration,
    conditions,
    state: z.string().max(32).optional().describe('Removing, Removed or Refused, for kubectl get.'),
    removed: z.int().min(0).optional().describe('Results directories that were removed.'),
  })
  .describe('Observed state of a removal.');

export const removalKind = defineKind({
  kind: 'Removal',
  plural: 'removals',
  shortNames: ['krm'],
  namespaced: true,
  description:
    'Removes builds for good: their packages and logs from every repository of the project, and their Build objects. Deleting a Build object alone keeps what it has published. A Removal is deleted an hour after its end.',
  spec: removalSpec,
  status: removalStatus,
  columns: [
    { name: 'Project', type: 'string', jsonPath: '.spec.project', description: 'Project.' },
    { name: 'State', type: 'string', jsonPath: '.status.state', description: 'Removing, Removed or Refused.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Complete")].reason',
      description: 'Why it is in this state.',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since creation.' },
    { name: 'Removed', type: 'integer', jsonPath: '.status.removed', description: 'Results directories.', priority: 1 },
  ],
  selectableFields: ['.spec.project'],
  rules: [],
});
export type Removal = ResourceOf<typeof removalKind>;
export type RemovalStatus = NonNullable<Removal['status']>;
export const Removals = resourceType(removalKind);
