/** Chroots of projects: read, and set up. */
import { z } from 'zod';
import type { ProjectView } from '../cluster/index.ts';
import { ApiError, badFields, badRequest, notFound } from '../http/errors.ts';
import { text } from '../http/fields.ts';
import type { AnyRoute, FilePart } from '../http/route.ts';
import { defineRoute } from '../http/route.ts';
import type { Comps } from '../mapping/chroot.ts';
import { changedSettings, projectChrootJSON, settingsOf } from '../mapping/chroot.ts';
import { CHROOT_ALIASES, CHROOT_FIELDS } from '../mapping/chroot-fields.ts';
import { formShape } from '../mapping/field.ts';
import type { Services } from '../services.ts';
import { buildConfigJSON } from './build-chroots-config.ts';
import { repoResult } from './builds-schemas.ts';
import { mappingContext } from './projects-answers.ts';
import { onProject, projectFound } from './projects-named.ts';
import { checkRepos } from './projects-rules.ts';
import { projectNames } from './projects-schemas.ts';

/** As many characters as the resource takes; objects of etcd must stay small. */
const MAX_COMPS = 262_144;

const names = projectNames.extend({ chrootname: text() });

const strings = z.array(z.string());

const chrootResult = z.strictObject({
  mock_chroot: z.string(),
  ownername: z.string(),
  projectname: z.string(),
  comps_name: z.string().nullable(),
  delete_after_days: z.int().nullable(),
  isolation: z.string(),
  additional_repos: strings,
  additional_packages: strings,
  additional_modules: strings,
  with_opts: strings,
  without_opts: strings,
});

/** Throws 404 for a chroot that the project does not have, or in which nothing is built any more. */
function enabled({ cluster }: Services, view: ProjectView, chroot: string): void {
  if (view.project.spec.chroots.includes(chroot) && cluster.chroot(chroot)?.spec.state === 'Active') return;
  throw notFound(`Chroot ${chroot} is not enabled in ${view.fullName}.`);
}

const get = defineRoute({
  operation: 'project-chroot.get',
  methods: ['GET'],
  path: '/project-chroot',
  summary: 'The settings of one chroot of a project.',
  access: 'anyone',
  query: names,
  result: chrootResult,
  async handle({ services, query, signal }) {
    const view = await projectFound(services, query.ownername, query.projectname, signal);
    enabled(services, view, query.chrootname);
    return projectChrootJSON({ ...view, chroot: query.chrootname }, mappingContext(services));
  },
});

const buildConfig = defineRoute({
  operation: 'project-chroot.build-config',
  methods: ['GET'],
  path: '/project-chroot/build-config',
  summary: 'What a build in this chroot would be made with, for `copr-cli mock-config`.',
  access: 'anyone',
  query: names,
  result: z.strictObject({
    chroot: z.string(),
    enable_net: z.boolean(),
    isolation: z.string(),
    bootstrap: z.string(),
    additional_repos: strings,
    additional_packages: strings,
    additional_modules: strings,
    with_opts: strings,
    without_opts: strings,
    repos: z.array(repoResult),
  }),
  async handle({ services, query, signal }) {
    const view = await projectFound(services, query.ownername, query.projectname, signal);
    const chroot = query.chrootname;
    enabled(services, view, chroot);
    const settings = settingsOf(view.project, chroot);
    const spec = { project: view.project.metadata.name, background: false, cancelled: false };
    const config = buildConfigJSON({
      ...view,
      chroot,
      spec,
      dirname: view.name,
      resultsURL: services.config.resultsURL,
      memoryLimit: 0,
    }) as Record<string, unknown>;
    const { options } = view.project.spec;
    return {
      chroot,
      enable_net: options.network,
      isolation: settings.isolation ?? 'unchanged',
      bootstrap: config.bootstrap ?? 'default',
      additional_repos: config.additional_repos,
      additional_packages: config.additional_packages,
      additional_modules: settings.modules ?? [],
      with_opts: config.with_opts,
      without_opts: config.without_opts,
      repos: config.repos,
    };
  },
});

const edit = defineRoute({
  operation: 'project-chroot.edit',
  methods: ['PUT', 'POST'],
  path: '/project-chroot/edit/:ownername/:projectname/:chrootname',
  summary: 'Changes the settings of one chroot that are given. Empty ones are cleared.',
  access: {
    right: 'edit',
    async on(target) {
      const view = await onProject(target);
      enabled(target.services, view, target.params.chrootname);
      return view;
    },
  },
  params: names,
  aliases: CHROOT_ALIASES,
  body: z.object(formShape(CHROOT_FIELDS, 'edit')),
  upload: {
    part: 'upload_comps',
    required: false,
    description: 'A comps.xml for the metadata of the repository; its file name becomes comps_name.',
    receive: readComps,
    discard: () => Promise.resolve(),
  },
  result: chrootResult,
  async handle({ services, params, body, file, found, signal }) {
    const { cluster } = services;
    if (file instanceof ApiError) throw file;
    const form: Readonly<Record<string, unknown>> = body;
    if (Array.isArray(form.repos)) checkRepos(cluster, 'repos', form.repos as string[]);
    const modules = (form.module_toggle ?? []) as string[];
    const plain = modules.map((module) => module.replace(/^!/, '').replace(/:.*$/, ''));
    const twice = plain.find((name, index) => plain.indexOf(name) !== index);
    if (twice !== undefined) throw badFields({ module_toggle: `the module ${twice} is given twice` });
    const context = mappingContext(services);
    const chroot = params.chrootname;
    const view = await cluster.patchProject(
      found,
      (project) => {
        const chrootSettings = changedSettings(project, chroot, form, file, context);
        return chrootSettings === undefined ? undefined : { spec: { chrootSettings } };
      },
      signal,
    );
    return projectChrootJSON({ ...view, chroot }, context);
  },
});

/** What is wrong with the file is told by the handler, when the client has sent everything: only then it surely listens. */
async function readComps(file: FilePart): Promise<Comps | ApiError> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of file.stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_COMPS) chunks.push(chunk);
  }
  if (size > MAX_COMPS) return new ApiError(413, `The comps.xml is larger than ${MAX_COMPS} bytes.`);
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    return badRequest('upload_comps: the comps.xml is not UTF-8.');
  }
  if (!/<comps[\s>]/.test(content))
    return badRequest('upload_comps: the file is no comps.xml: it has no element comps.');
  return { name: (file.filename || 'comps.xml').slice(0, 255), content };
}

export const projectChrootRoutes: readonly AnyRoute[] = [get, buildConfig, edit];
