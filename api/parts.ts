import { readFileSync } from 'node:fs';
import { TerminalError } from '../lib/errors.ts';
import { createClusterWorld } from './cluster/index.ts';
import { parseOwnerTemplate, type TemplateObject } from './cluster/owner-template.ts';
import { createLogStages } from './log-stages.ts';
import { projectPlaceName } from './mapping/project.ts';
import type { ServiceParts } from './service.ts';

/** The parts of the process that serves. */
export const realParts: ServiceParts = {
  cluster: ({ client, stores, clock, random, config }) =>
    createClusterWorld({
      client,
      stores,
      clock,
      random,
      releaseNamespace: config.releaseNamespace,
      buildsNamespace: config.buildsNamespace,
      ownerTemplate: readOwnerTemplate(config.ownerTemplateFile),
      nameField: projectPlaceName,
    }),
  stages: ({ db }, cluster) => createLogStages(cluster, db),
};

/** Nothing without a file. Throws TerminalError `BadConfiguration` when it cannot be read, and what parseOwnerTemplate throws. */
export function readOwnerTemplate(file: string | undefined): readonly TemplateObject[] {
  if (file === undefined) return [];
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new TerminalError('BadConfiguration', `cannot read ${file}, which KOPR_OWNER_TEMPLATE_FILE names`);
  }
  return parseOwnerTemplate(text);
}
