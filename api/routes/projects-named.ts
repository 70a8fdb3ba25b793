/** Projects by the names in paths and queries. */
import type { ProjectView } from '../cluster/index.ts';
import { notFound } from '../http/errors.ts';
import type { Services } from '../services.ts';

export interface Named {
  params: { ownername: string; projectname: string };
  services: Services;
  signal: AbortSignal;
}

/** Throws 404. */
export async function projectFound(
  { cluster }: Pick<Services, 'cluster'>,
  owner: string,
  name: string,
  signal: AbortSignal,
): Promise<ProjectView> {
  const view = await cluster.findProject(owner, name, signal);
  if (view === undefined) throw notFound(`Project ${owner}/${name} does not exist.`);
  return view;
}

/** For `access.on` of routes with both names in their path. */
export function onProject({ params, services, signal }: Named): Promise<ProjectView> {
  return projectFound(services, params.ownername, params.projectname, signal);
}
