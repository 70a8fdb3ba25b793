/** Projects: found, made, changed and deleted. */
import { z } from 'zod';
import { REGENERATE_ANNOTATION } from '../../crds/names.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { ProjectView } from '../cluster/index.ts';
import { taken } from '../cluster/project-writes.ts';
import { badRequest, forbidden } from '../http/errors.ts';
import { bool, text } from '../http/fields.ts';
import { pageOf, pagingFields, slice } from '../http/paging.ts';
import type { AnyRoute } from '../http/route.ts';
import { callerOf, defineRoute } from '../http/route.ts';
import { newProjectSpec, projectPatch } from '../mapping/project.ts';
import { listResult } from './builds-schemas.ts';
import { mappingContext, projectListReply, projectReply } from './projects-answers.ts';
import { onProject, projectFound } from './projects-named.ts';
import type { Form } from './projects-rules.ts';
import {
  actAs,
  checkAdminFields,
  checkChroots,
  checkDropped,
  checkExpiry,
  checkFormRepos,
  numbers,
  unfinished,
} from './projects-rules.ts';
import { addForm, editForm, PROJECT_ALIASES, projectNames, projectResult } from './projects-schemas.ts';
import { searchProjects } from './projects-search.ts';

/** Making a project may wait for the end of its former namesake. */
const ADD_TIMEOUT_MS = 60_000;

const get = defineRoute({
  operation: 'project.get',
  methods: ['GET'],
  path: '/project',
  summary: 'One project.',
  access: 'anyone',
  query: projectNames,
  result: projectResult,
  handle: async ({ services, query, signal }) =>
    projectReply(services, await projectFound(services, query.ownername, query.projectname, signal)),
});

const COLUMNS = ['id', 'name'] as const;

function metaOf(query: Parameters<typeof pageOf<'id' | 'name'>>[0]): object {
  const page = pageOf(query, 'id');
  return { limit: page.limit, offset: page.offset, order: page.order, order_type: page.orderType };
}

/** The list itself when all of it is asked for in its own order. */
function ordered(
  views: readonly ProjectView[],
  query: Parameters<typeof pageOf<'id' | 'name'>>[0],
): readonly ProjectView[] {
  const page = pageOf(query, 'id');
  let all: readonly ProjectView[] = views;
  if (page.order === 'name') all = views.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id));
  if (page.orderType === 'DESC') all = all.toReversed();
  return page.limit === null && page.offset === 0 ? all : slice(all, page);
}

const list = defineRoute({
  operation: 'project.list',
  methods: ['GET'],
  path: '/project/list',
  summary: 'All projects, or those of one owner. Nobody with that name has an empty list.',
  access: 'anyone',
  query: z.object({ ownername: text().optional(), ...pagingFields(COLUMNS) }),
  result: listResult(projectResult),
  handle({ services, query }) {
    const { cluster } = services;
    const views = query.ownername === undefined ? cluster.projects() : cluster.projectsOf(query.ownername);
    return Promise.resolve(projectListReply(services, ordered(views, query), metaOf(query)));
  },
});

const search = defineRoute({
  operation: 'project.search',
  methods: ['GET'],
  path: '/project/search',
  summary: 'Projects by OWNER/NAME, of which parts suffice, or by words of their texts, chroots and packages.',
  description: 'Newest first, unless an order is asked for. Without "/" at least three characters are needed.',
  access: 'anyone',
  query: z.object({ query: text(500), ...pagingFields(COLUMNS) }),
  result: listResult(projectResult),
  handle({ services, query }) {
    const found = searchProjects(services.cluster, query.query);
    if (found === undefined) throw badRequest('query: The search needs at least three characters, or OWNER/NAME.');
    const asked = query.order !== undefined || query.order_type !== undefined;
    const views = asked ? ordered(found.toReversed(), query) : slice(found, pageOf(query, 'id'));
    return Promise.resolve(projectListReply(services, views, metaOf(query)));
  },
});

const add = defineRoute({
  operation: 'project.add',
  methods: ['POST'],
  path: '/project/add/:ownername',
  summary: 'Makes a project.',
  description: 'With `exist_ok=True` a project that is there already is answered as it is.',
  access: 'user',
  timeoutMs: ADD_TIMEOUT_MS,
  params: z.object({ ownername: text() }),
  query: z.object({ exist_ok: text(20).optional() }),
  aliases: PROJECT_ALIASES,
  body: addForm,
  result: projectResult,
  example: { name: 'hello', chroots: ['fedora-43-x86_64'] },
  async handle(call) {
    const { services, params, query, body, signal } = call;
    const { cluster } = services;
    const caller = callerOf(call);
    const ref = await actAs(services, caller, params.ownername, signal);
    const { owner } = ref;
    const { name, chroots } = body;
    const existing = cluster.project(owner, name);
    if (existing !== undefined) {
      if (query.exist_ok === 'True') return projectReply(services, existing);
      throw taken({ owner, name });
    }
    const form: Form = body;
    checkChroots(cluster, chroots);
    checkAdminFields(form, caller, { autoPrune: true });
    checkExpiry(form, form.persistent === true);
    checkFormRepos(cluster, form);
    // Kubernetes has just said that a ServiceAccount may do so in a namespace that is there, whoever made that.
    const namespace = caller.kind === 'user' ? await cluster.owners.ensure(owner, { signal }) : ref.namespace;
    const spec = newProjectSpec(form, mappingContext(services));
    return projectReply(services, await cluster.createProject({ owner, namespace, name, spec }, signal));
  },
});

const edit = defineRoute({
  operation: 'project.edit',
  methods: ['PUT', 'POST'],
  path: '/project/edit/:ownername/:projectname',
  summary: 'Changes the fields that are given.',
  access: { right: 'edit', on: onProject },
  params: projectNames,
  aliases: PROJECT_ALIASES,
  body: editForm,
  result: projectResult,
  example: { description: 'Says hello.', chroots: ['fedora-43-x86_64', 'fedora-42-x86_64'] },
  async handle(call) {
    const { services, body, found, signal } = call;
    const { cluster } = services;
    const form: Form = body;
    const { spec } = found.project;
    const chroots = Array.isArray(form.chroots) ? (form.chroots as string[]) : [];
    if (chroots.length > 0) {
      checkChroots(cluster, chroots, spec.chroots);
      checkDropped(cluster, found, chroots);
    }
    // Neither can be changed once the project is there; clients send them all the same.
    checkAdminFields({ auto_prune: form.auto_prune }, callerOf(call), { autoPrune: spec.options.autoPrune });
    checkExpiry(form, spec.persistent);
    checkFormRepos(cluster, form);
    const context = mappingContext(services);
    const view = await cluster.patchProject(found, (current) => projectPatch(form, current, context), signal);
    return projectReply(services, view);
  },
});

const remove = defineRoute({
  operation: 'project.delete',
  methods: ['DELETE', 'POST'],
  path: '/project/delete/:ownername/:projectname',
  summary: 'Deletes a project with all its builds and repositories, and answers what it was.',
  access: { right: 'own', on: onProject },
  params: projectNames,
  body: z.object({ verify: bool().optional().describe('Clients send true; nothing depends on it.') }),
  result: projectResult,
  async handle({ services, found, signal }) {
    const { cluster } = services;
    if (found.project.spec.persistent)
      throw forbidden(`Project ${found.fullName} is persistent and cannot be deleted.`);
    const running = unfinished(cluster, found);
    if (running.length > 0) {
      throw badRequest(
        `Project ${found.fullName} has unfinished builds: ${numbers(running)}. Cancel them or wait for their end.`,
      );
    }
    const reply = projectReply(services, found);
    await cluster.deleteProject(found, signal);
    return reply;
  },
});

const regenerate = defineRoute({
  operation: 'project.regenerate-repos',
  methods: ['PUT', 'POST'],
  path: '/project/regenerate-repos/:ownername/:projectname',
  summary: 'Makes the public metadata of all repositories of a project anew, soon after the answer.',
  access: { right: 'edit', on: onProject },
  params: projectNames,
  body: z.object({}),
  result: projectResult,
  async handle({ services, found, signal }) {
    const { cluster, clock, random } = services;
    // Two requests in one second are two.
    const token = `${toTimestamp(clock.now())}.${random(4).toString('hex')}`;
    const patch = { metadata: { annotations: { [REGENERATE_ANNOTATION]: token } } };
    return projectReply(services, await cluster.patchProject(found, () => patch, signal));
  },
});

export const projectRoutes: readonly AnyRoute[] = [get, list, search, add, edit, remove, regenerate];
