/** What all ways of submitting builds have in common: the options of a request, and the spec that they make. */
import { z } from 'zod';
import type { Build } from '../../crds/build.ts';
import { BOOTSTRAPS, ISOLATIONS } from '../../crds/common.ts';
import type { Caller } from '../auth/access.ts';
import type { ProjectView } from '../cluster/index.ts';
import { parseDirname } from '../history/dirname.ts';
import { chooseChroots, matches } from '../history/patterns.ts';
import { type ApiError, badRequest, forbidden } from '../http/errors.ts';
import { bool, intOrEmpty, list, oneOf, text } from '../http/fields.ts';
import type { Services } from '../services.ts';
import { batchFor } from './build-create-batch.ts';

export const PREFIX = 'Bad request parameters: ';

/** Seconds; Copr takes no more. */
export const MAX_TIMEOUT = 108_000;

export const projectFields = {
  ownername: text(),
  projectname: text(),
};

export const optionFields = {
  project_dirname: text()
    .optional()
    .describe('Directory of the project to publish to: PROJECT:custom:NAME or PROJECT:pr:NUMBER.'),
  chroots: list(200).optional().describe('Names or patterns of chroots; default: all.'),
  exclude_chroots: list(200).optional().describe('Names or patterns of chroots to leave out.'),
  background: bool().optional().describe('Wait behind every build that is not in the background.'),
  timeout: intOrEmpty(0, MAX_TIMEOUT).optional().describe('Seconds that one stage may take; 0: as the project says.'),
  enable_net: bool().optional().describe('May rpmbuild reach the network? Default: as the project says.'),
  bootstrap: oneOf(['unchanged', ...BOOTSTRAPS]).optional(),
  isolation: oneOf(['unchanged', ...ISOLATIONS]).optional(),
  with_build_id: intOrEmpty(1).optional().describe('Join the batch of this build.'),
  after_build_id: intOrEmpty(1).optional().describe('Wait for the end of the batch of this build.'),
  packit_forge_project: text().optional().describe('Forge project on whose behalf Packit submits this.'),
};

export const optionAliases = { is_background: 'background' };

const options = z.object(optionFields);
export type BuildOptions = z.infer<typeof options>;

export type BuildSpec = Omit<Build['spec'], 'project'>;

/** A form error as submitting builds answers it. */
export function badParameters(problems: Readonly<Record<string, readonly string[]>>): ApiError {
  const members = Object.entries(problems).map(
    ([field, messages]) => `'${field}': [${messages.map((message) => `'${message}'`).join(', ')}]`,
  );
  return badRequest(`${PREFIX}{${members.join(', ')}}`);
}

/** Chroots of a project in which something can be built now, in its order. */
export function activeChroots({ cluster }: Pick<Services, 'cluster'>, { project }: ProjectView): string[] {
  return project.spec.chroots.filter((name) => cluster.chroot(name)?.spec.state === 'Active');
}

/**
 * The spec of a Build but for its source. Throws 400 and 403.
 * @param preset chroots if the request names none, and timeout: those of a package
 */
export async function planBuild(
  { services, caller, signal }: { services: Services; caller: Caller; signal: AbortSignal },
  view: ProjectView,
  asked: BuildOptions,
  preset: { chroots?: string[]; timeoutSeconds?: number | undefined } = {},
): Promise<BuildSpec> {
  const active = activeChroots(services, view);
  if (active.length === 0)
    throw badParameters({ chroots: [`Project ${view.fullName} has no active chroots; enable one.`] });
  const directory = parseDirname(view.name, asked.project_dirname);
  if ('problem' in directory) throw badParameters({ project_dirname: [directory.problem] });
  const chosen = chooseChroots(active, {
    chroots: asked.chroots?.filter((pattern) => pattern !== ''),
    exclude: asked.exclude_chroots?.filter((pattern) => pattern !== ''),
  });
  if ('problems' in chosen) throw badParameters(chosen.problems);
  checkForgeProject(view, asked.packit_forge_project);
  const batch = await batchFor(services, caller, asked, signal);
  return {
    background: asked.background ?? false,
    cancelled: false,
    ...settings(asked, preset.timeoutSeconds),
    ...(directory.directory === undefined ? {} : { directory: directory.directory }),
    ...optional('chroots', chosen.chroots ?? preset.chroots),
    ...batch,
  };
}

function settings(asked: BuildOptions, timeout: number | undefined): Partial<BuildSpec> {
  const { bootstrap, isolation, enable_net } = asked;
  return {
    // 0 and "" stand for the default.
    ...optional('timeoutSeconds', asked.timeout || timeout),
    ...optional('network', enable_net),
    ...optional('bootstrap', bootstrap === 'unchanged' ? undefined : bootstrap),
    ...optional('isolation', isolation === 'unchanged' ? undefined : isolation),
  };
}

function optional<Key extends keyof BuildSpec>(key: Key, value: BuildSpec[Key] | undefined): Partial<BuildSpec> {
  return value === undefined ? {} : { [key]: value };
}

function checkForgeProject({ project, fullName }: ProjectView, forge: string | undefined): void {
  if (forge === undefined || forge === '') return;
  const plain = forge.replace(/^[a-z+]+:\/\//i, '');
  if ((project.spec.packitForgeProjects ?? []).some((pattern) => matches(pattern, plain))) return;
  throw forbidden(
    `Forge project ${plain} may not build in ${fullName}; an admin of it can allow that (packit_forge_projects_allowed).`,
  );
}
