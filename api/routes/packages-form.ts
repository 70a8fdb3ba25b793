/** The forms of packages: what a request says, as the spec of a Package. Pure. */
import { z } from 'zod';
import type { Source } from '../../crds/common.ts';
import type { Package } from '../../crds/package.ts';
import type { Patch } from '../cluster/index.ts';
import { denylistProblem } from '../history/patterns.ts';
import { badFields, badRequest } from '../http/errors.ts';
import { bool, intOrEmpty, text, words } from '../http/fields.ts';
import { MAX_TIMEOUT } from './build-create-options.ts';
import { gitSource, scmFields } from './build-create-sources.ts';

const NAME = /^[-+_.a-zA-Z0-9]+$/;
const SCM = 'scm';
/** Ways in which packages of Copr get their sources and that kopr cannot serve. */
const ELSEWHERE = ['pypi', 'rubygems', 'custom', 'distgit'];

export const packageName = text(100).refine((name) => NAME.test(name), {
  error: 'must be the name of a package: letters, digits and + _ . -',
});

export const packageFields = {
  package_name: packageName.optional(),
  webhook_rebuild: bool().optional(),
  max_builds: intOrEmpty(0, 100).optional().describe('So many of its newest builds are kept; 0: all.'),
  timeout: intOrEmpty(0, MAX_TIMEOUT).optional().describe('Seconds that one stage may take; 0: as the project says.'),
  chroot_denylist: words({ also: ',', maxItems: 100 })
    .optional()
    .describe('Chroots in which it is not built by default; * matches.'),
  ...scmFields,
  clone_url: scmFields.clone_url.optional(),
};

const form = z.object(packageFields);
export type PackageForm = z.infer<typeof form>;

type Spec = Omit<Package['spec'], 'project' | 'name'>;

export function checkType(type: string): void {
  if (type === SCM) return;
  if (ELSEWHERE.includes(type)) {
    throw badRequest(`source_type: packages of type ${type} are not built by this kopr yet; use scm`);
  }
  throw badRequest(
    `source_type: "${type.slice(0, 40)}" is not a valid choice for this field; it is one of scm, ${ELSEWHERE.join(', ')}`,
  );
}

/** Clients send the name in the path and in the body. */
export function checkName(inPath: string, inBody: string | undefined): void {
  if (inBody !== undefined && inBody !== inPath)
    throw badFields({ package_name: `is "${inBody}", but the path says "${inPath}"; they must be the same` });
}

function checked(result: ReturnType<typeof gitSource>): Source {
  if ('source' in result) return result.source;
  throw badFields(
    Object.fromEntries(Object.entries(result.problems).map(([field, messages]) => [field, messages.join('; ')])),
  );
}

function checkDenylist(denylist: readonly string[] | undefined, active: readonly string[]): void {
  const problem = denylistProblem(denylist ?? [], active);
  if (problem !== undefined) throw badFields({ chroot_denylist: problem });
}

/** Of a new package. It is built when somebody asks for it, not whenever its object changes. */
export function newPackageSpec(fields: PackageForm, active: readonly string[], source: Source | undefined): Spec {
  checkDenylist(fields.chroot_denylist, active);
  return {
    autoBuild: false,
    webhookRebuild: fields.webhook_rebuild ?? false,
    ...(source === undefined ? {} : { source }),
    ...(fields.max_builds ? { maxBuilds: fields.max_builds } : {}),
    ...(fields.timeout ? { timeoutSeconds: fields.timeout } : {}),
    ...(fields.chroot_denylist?.length ? { chrootDenylist: [...new Set(fields.chroot_denylist)] } : {}),
  };
}

export function scmSource(fields: PackageForm): Source {
  return checked(gitSource(fields));
}

/** The source after an edit; undefined: it stays as it is. Without a type in the path the fields alone decide. */
export function editedSource(
  fields: PackageForm,
  before: Source | undefined,
  type: string | undefined,
): Source | undefined {
  const { clone_url, committish, subdirectory, spec, scm_type, source_build_method } = fields;
  const said = [clone_url, committish, subdirectory, spec, scm_type, source_build_method].some(
    (value) => value !== undefined,
  );
  if (!said && (type === undefined || before?.git !== undefined)) return undefined;
  return checked(gitSource(fields, before?.git));
}

/** As a merge patch: what a request does not say stays, and 0 or "" takes away. */
export function packagePatch(fields: PackageForm, active: readonly string[], source: Source | undefined): Patch {
  checkDenylist(fields.chroot_denylist, active);
  const { webhook_rebuild, max_builds, timeout, chroot_denylist } = fields;
  return {
    spec: {
      ...(webhook_rebuild === undefined ? {} : { webhookRebuild: webhook_rebuild }),
      ...(max_builds === undefined ? {} : { maxBuilds: max_builds || null }),
      ...(timeout === undefined ? {} : { timeoutSeconds: timeout || null }),
      ...(chroot_denylist === undefined
        ? {}
        : { chrootDenylist: chroot_denylist.length > 0 ? [...new Set(chroot_denylist)] : null }),
      ...(source === undefined ? {} : { source: sourcePatch(source) }),
    },
  };
}

function sourcePatch({ git }: Source): Record<string, unknown> {
  const cleared = { committish: null, subdirectory: null, spec: null };
  return { link: null, upload: null, git: { ...cleared, ...git } };
}
