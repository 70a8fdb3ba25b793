import { createHash } from 'node:crypto';
import type { Build } from './build.ts';
import type { Package } from './package.ts';
import type { Project } from './project.ts';

/** Label with the number of a Project or Build that the REST API made; only kopr may set it. */
export const ID_LABEL = 'kopr.dev/id';
/** Annotation with the user who submitted a Build through the REST API; only kopr may set it. */
export const SUBMITTER_ANNOTATION = 'kopr.dev/submitter';
/** Annotation with the time since when the history has a finished Build; only kopr may set it. */
export const ARCHIVED_ANNOTATION = 'kopr.dev/archived';
/** Annotation of a Project: a new value asks for new metadata of all its repositories. */
export const REGENERATE_ANNOTATION = 'kopr.dev/regenerate-repos';

/** ConfigMaps in kopr's own namespace with the counters that numbers are taken from (operator/counter.ts). */
export const BUILD_COUNTER = 'kopr-build-ids';
export const PROJECT_COUNTER = 'kopr-project-ids';

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** Longest name of a Project object. */
const MAX_OBJECT_NAME = 63;

/** Name of the project in URLs, paths and for clients of Copr. */
export function projectNameOf(project: Pick<Project, 'metadata' | 'spec'>): string {
  return project.spec.name ?? project.metadata.name;
}

export function packageNameOf(pkg: Pick<Package, 'metadata' | 'spec'>): string {
  return pkg.spec.name ?? pkg.metadata.name;
}

/** Directory that a Build publishes to: `hello`, or such as `hello:pr:7`. */
export function dirnameOf(projectName: string, build: Pick<Build, 'spec'>): string {
  return build.spec.directory === undefined ? projectName : `${projectName}:${build.spec.directory}`;
}

/** The number of a Project or Build: as the operator has it, or as the REST API gave it. */
export function numberOf(object: {
  metadata: { labels?: Record<string, string> };
  status?: { id?: number | undefined } | undefined;
}): number | undefined {
  return object.status?.id ?? labelNumber(object);
}

/** The number that the REST API gave, if the label is one. */
export function labelNumber({ metadata }: { metadata: { labels?: Record<string, string> } }): number | undefined {
  const label = metadata.labels?.[ID_LABEL];
  if (label === undefined || !/^[1-9][0-9]{0,14}$/.test(label)) return undefined;
  return Number(label);
}

/** The batch that a Build belongs to: that of another one, or its own. */
export function batchOf(build: Pick<Build, 'metadata' | 'spec' | 'status'>): number | undefined {
  return build.spec.batch ?? numberOf(build);
}

/**
 * Name of the object for a name in the sense of Copr: the same if an object can have it, else what can be kept of it
 * and a digest, so that `My_Project` and `my-project` are two objects.
 */
export function objectNameFor(name: string): string {
  if (name.length <= MAX_OBJECT_NAME && SUBDOMAIN.test(name)) return name;
  const kept = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, MAX_OBJECT_NAME - 12)
    .replace(/[^a-z0-9]+$/, '');
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 10);
  return kept === '' ? `n-${digest}` : `${kept}-${digest}`;
}
