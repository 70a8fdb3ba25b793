/** What a form about a project must satisfy beyond the form of its fields: chroots, repositories and rights that exist. */

import type { Build } from '../../crds/build.ts';
import { numberOf } from '../../crds/names.ts';
import { isComplete } from '../../crds/states.ts';
import type { Caller, OwnerRef } from '../auth/access.ts';
import type { ClusterWorld, ProjectView } from '../cluster/index.ts';
import { badFields, badRequest, conflict, forbidden, notFound } from '../http/errors.ts';
import type { Services } from '../services.ts';

export type Form = Readonly<Record<string, unknown>>;

const MAX_NAMED = 5;

/** Chroots that are not there or not active; those that the project has already may stay. */
export function checkChroots(cluster: ClusterWorld, names: readonly string[], current: readonly string[] = []): void {
  const kept = new Set(current);
  const wrong = names.filter((name) => !kept.has(name) && cluster.chroot(name)?.spec.state !== 'Active');
  if (wrong.length === 0) return;
  throw badRequest(
    wrong
      .slice(0, MAX_NAMED)
      .map((name) => `chroots: '${name.slice(0, 100)}' is not a valid choice for this field`)
      .join('\n'),
  );
}

/** `copr://owner/project[:directory]` must name a project that exists. */
export function checkRepos(cluster: ClusterWorld, field: string, repos: readonly string[]): void {
  for (const repo of repos) {
    const [, owner, name] = /^copr:\/\/(@?[^/]+)\/([^/:?]+)/.exec(repo) ?? [];
    if (owner === undefined || name === undefined || cluster.project(owner, name) !== undefined) continue;
    throw badFields({ [field]: `'${repo.slice(0, 200)}' names the project ${owner}/${name}, which does not exist` });
  }
}

export function checkFormRepos(cluster: ClusterWorld, form: Form): void {
  for (const field of ['repos', 'runtime_dependencies']) {
    const repos = form[field];
    if (Array.isArray(repos)) checkRepos(cluster, field, repos as string[]);
  }
}

/** Fields that are the site administrators' alone. `was`: the values now, for an edit that sends all of them back. */
export function checkAdminFields(form: Form, caller: Caller, was: { autoPrune: boolean }): void {
  if (!caller.isAdmin) {
    if (form.persistent === true) throw forbidden('Only administrators of this site may make persistent projects.');
    if (form.auto_prune === false && was.autoPrune)
      throw forbidden('Only administrators of this site may switch auto_prune off.');
    if (form.storage !== undefined) throw forbidden('Only administrators of this site may choose the storage.');
  }
  const { storage } = form;
  if (typeof storage === 'string' && storage !== 'backend') {
    throw badFields({ storage: `'${storage}' is not a valid choice for this field` });
  }
}

export function checkExpiry(form: Form, persistent: boolean): void {
  const days = form.delete_after_days;
  if (!persistent || typeof days !== 'number' || days === -1) return;
  throw badFields({ delete_after_days: 'a persistent project cannot have a day of deletion' });
}

/** Builds that have not ended. One that is canceled counts as ended at once, as clients are told. */
export function unfinished(cluster: ClusterWorld, view: ProjectView): Build[] {
  return cluster.buildsOf(view).filter((build) => !isComplete(build) && !build.spec.cancelled);
}

/** A chroot is not taken away under a build that works in it. */
export function checkDropped(cluster: ClusterWorld, view: ProjectView, chroots: readonly string[]): void {
  const now = view.project.spec.chroots;
  const dropped = now.filter((chroot) => !chroots.includes(chroot));
  if (dropped.length === 0) return;
  const busy = unfinished(cluster, view).filter((build) => dropped.some((chroot) => worksIn(build, chroot)));
  if (busy.length === 0) return;
  throw conflict(
    `Cannot remove ${dropped.join(', ')} from ${view.fullName} while builds run in it: ${numbers(busy)}. Cancel them or wait for their end.`,
  );
}

function worksIn({ spec, status }: Build, chroot: string): boolean {
  const own = status?.chroots?.find(({ name }) => name === chroot);
  if (own !== undefined) return !['succeeded', 'failed', 'canceled', 'skipped'].includes(own.state);
  // Before its package is known, it may come to be built in all that it was sent to.
  return status?.chroots === undefined && (spec.chroots?.includes(chroot) ?? true);
}

export function numbers(builds: readonly Build[]): string {
  const shown = builds.slice(0, MAX_NAMED).map((build) => String(numberOf(build)));
  return shown.join(', ') + (builds.length > MAX_NAMED ? ` and ${builds.length - MAX_NAMED} more` : '');
}

/** Where projects of the owner are, or will be. 404 for an owner that nobody is, 403 for somebody else. */
export async function actAs(services: Services, caller: Caller, owner: string, signal: AbortSignal): Promise<OwnerRef> {
  const namespace = services.cluster.namespaceOf(owner);
  if (caller.kind === 'user') await mustExist(services, owner, caller.name);
  else if (namespace === undefined) throw notFound(`There is no namespace of an owner ${owner}.`);
  const ref = { owner, namespace: namespace ?? '' };
  await services.rights.requireActAs(caller, ref, signal);
  return ref;
}

async function mustExist({ db }: Services, owner: string, caller: string): Promise<void> {
  if (owner === caller) return;
  if (owner.startsWith('@')) {
    if ((await db.groups.byName(owner.slice(1))) !== undefined) return;
    throw notFound(`Group ${owner} does not exist.`);
  }
  if ((await db.users.byName(owner)) === undefined) throw notFound(`User ${owner} does not exist.`);
}
