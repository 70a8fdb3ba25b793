/** Forms and answers of Projects. */
import { z } from 'zod';
import { BOOTSTRAPS, ISOLATIONS } from '../../crds/common.ts';
import { text, words } from '../http/fields.ts';
import { formShape } from '../mapping/field.ts';
import { PROJECT_FIELDS } from '../mapping/project-fields.ts';

/** Clients write one field under two names. */
export const PROJECT_ALIASES = { additional_repos: 'repos' } as const;

const name = text(200)
  .refine((value) => /^[A-Za-z0-9_.-]+$/.test(value), { error: 'must be letters, digits and . _ - only' })
  .refine((value) => !/^\d+$/.test(value), { error: 'must not be digits alone' })
  .refine((value) => value.length <= 100, { error: 'must not be longer than 100 characters' })
  // They become directories.
  .refine((value) => /[A-Za-z0-9_-]/.test(value), { error: 'must not be dots alone' });

const addShape = formShape(PROJECT_FIELDS, 'add');
const editShape = formShape(PROJECT_FIELDS, 'edit');

export const addForm = z.object({
  ...addShape,
  name: name.describe('Letters, digits and . _ -, not digits alone, at most 100.'),
  chroots: words({ maxItems: 100 })
    .refine((list) => list.length > 0, { error: 'At least one chroot must be selected' })
    .describe('Active chroots.'),
});
export const editForm = z.object(editShape);

export const projectNames = z.object({ ownername: text(), projectname: text() });

export const projectResult = z.strictObject({
  id: z.int(),
  name: z.string(),
  ownername: z.string(),
  full_name: z.string(),
  homepage: z.string().nullable(),
  contact: z.string().nullable(),
  description: z.string(),
  instructions: z.string(),
  devel_mode: z.boolean(),
  persistent: z.boolean(),
  unlisted_on_hp: z.boolean(),
  auto_prune: z.boolean(),
  enable_net: z.boolean(),
  module_hotfixes: z.boolean(),
  appstream: z.boolean(),
  follow_fedora_branching: z.boolean(),
  bootstrap: z.enum(BOOTSTRAPS),
  isolation: z.enum(ISOLATIONS),
  additional_repos: z.array(z.string()),
  packit_forge_projects_allowed: z.array(z.string()),
  repo_priority: z.int().nullable(),
  storage: z.literal('backend'),
  chroot_repos: z.record(z.string(), z.string()),
});
