/** Objects of answers, for the documentation of the API and for its tests. */
import { z } from 'zod';
import { COPR_STATES } from '../../crds/common.ts';

const time = z.int().nullable().describe('Seconds since the epoch.');
const state = z.enum(COPR_STATES);

export const buildResult = z.strictObject({
  id: z.int(),
  state,
  ownername: z.string(),
  projectname: z.string(),
  project_dirname: z.string(),
  repo_url: z.string(),
  submitted_on: z.int(),
  started_on: time,
  ended_on: time,
  submitter: z.string().nullable(),
  is_background: z.boolean(),
  chroots: z.array(z.string()),
  source_package: z.strictObject({
    name: z.string().nullable(),
    version: z.string().nullable(),
    url: z.string().nullable(),
  }),
});

export function listResult<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    meta: z.strictObject({
      limit: z.int().nullable(),
      offset: z.int().nullable(),
      order: z.string().nullable(),
      order_type: z.string().nullable(),
    }),
  });
}

export const nevraResult = z.strictObject({
  name: z.string(),
  epoch: z.int().nullable(),
  version: z.string(),
  release: z.string(),
  arch: z.string(),
});

export const packagesResult = z.strictObject({ packages: z.array(nevraResult) });

export const buildChrootResult = z.strictObject({
  name: z.string(),
  state,
  started_on: time,
  ended_on: time,
  result_url: z.string().nullable(),
});

export const repoResult = z.strictObject({
  id: z.string(),
  name: z.string(),
  baseurl: z.string(),
  priority: z.int().nullish(),
  module_hotfixes: z.boolean().nullish(),
  repo_gpgcheck: z.boolean().nullish(),
});

export const buildConfigResult = z.strictObject({
  repos: z.array(repoResult),
  additional_repos: z.array(z.string()),
  additional_packages: z.array(z.string()),
  with_opts: z.array(z.string()),
  without_opts: z.array(z.string()),
  memory_limit: z.int(),
  timeout: z.int(),
  enable_net: z.boolean(),
  is_background: z.boolean(),
  bootstrap: z.string().optional(),
  bootstrap_image: z.string().optional(),
});

export const packageResult = z.strictObject({
  id: z.int(),
  name: z.string(),
  ownername: z.string(),
  projectname: z.string(),
  source_type: z.enum(['unset', 'link', 'upload', 'scm']),
  source_dict: z.record(z.string(), z.unknown()),
  auto_rebuild: z.boolean(),
  builds: z.strictObject({ latest: buildResult.nullable(), latest_succeeded: buildResult.nullable() }),
});

export const sourceConfigResult = z.strictObject({
  source_type: z.string(),
  source_dict: z.record(z.string(), z.unknown()),
  memory_limit: z.int(),
  timeout: z.int(),
  is_background: z.boolean(),
});

export const monitorResult = z.strictObject({
  output: z.literal('ok'),
  message: z.string(),
  packages: z.array(
    z.strictObject({
      name: z.string(),
      chroots: z.record(
        z.string(),
        z.strictObject({
          state,
          status: z.int(),
          build_id: z.int(),
          pkg_version: z.string().nullable(),
          url_build_log: z.string().nullable().optional(),
          url_backend_log: z.string().nullable().optional(),
          url_build: z.string().optional(),
        }),
      ),
    }),
  ),
});
