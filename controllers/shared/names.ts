import { createHash } from 'node:crypto';
import { chrootObjectName } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { SOURCE_CHROOT } from '../../lib/protocol/task.ts';

/**
 * Every object that a controller makes has a name that follows from its cause: making it twice is making it once.
 */

/** The field manager of all of kopr's writes; one controller never writes another one's fields. */
export function fieldManager(controller: string): string {
  return `kopr-${controller}`;
}

export function sourceBuildName(build: string): string {
  return `${build}.source`;
}

export function chrootBuildName(build: string, chroot: string): string {
  return `${build}.${chrootObjectName(chroot)}`;
}

export function ticketName(chrootBuild: string, attempt: number): string {
  return `${chrootBuild}.${attempt}`;
}

/** Builders of all namespaces live in one, so the name is a digest of the ticket's uid: one Builder a ticket. */
export function builderName(ticketUID: string): string {
  return `builder-${shortHash(ticketUID)}`;
}

/** A name as a label value: 63 characters at most, the last one a letter or digit. */
export function labelValue(name: string): string {
  return name.length <= 63 ? name : `${truncated(name, 52)}-${shortHash(name)}`;
}

/** The beginning of a name, such that something may follow after a "-". */
export function truncated(name: string, max: number): string {
  return name.slice(0, max).replace(/[^a-z0-9]+$/, '');
}

/** Ten characters that DNS names allow. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}

/** Key of everything an attempt leaves at the publisher and at distgit. */
export function taskID(chrootBuild: { metadata: { uid?: string } }, attempt: number): string {
  return `${chrootBuild.metadata.uid}.${attempt}`;
}

/** Name of the results directory below `owner/project/chroot`, as in Copr. */
export function resultsDirectory(buildID: number, packageName: string | undefined): string {
  const id = String(buildID).padStart(8, '0');
  return packageName === undefined ? id : `${id}-${packageName}`;
}

/** Directory of the owner that a stage publishes to, such as `hello:pr:7`. Stages of older versions have none but their project's. */
export function dirnameOfStage({ spec }: Pick<ChrootBuild, 'spec'>): string {
  return spec.dirname ?? spec.project;
}

/** Name of the project, in the sense of Copr, that a stage belongs to: a directory begins with it, and it has no ":". */
export function projectNameOfStage(chrootBuild: Pick<ChrootBuild, 'spec'>): string {
  const [project = ''] = dirnameOfStage(chrootBuild).split(':');
  return project;
}

/** `owner/dirname/chroot/00000001-hello`, relative to the results root. */
export function resultsPath(chrootBuild: ChrootBuild): string {
  const { owner, stage, chroot, buildID } = chrootBuild.spec;
  const directory = resultsDirectory(buildID, chrootBuild.spec.package?.name);
  return [owner, dirnameOfStage(chrootBuild), stage === 'source' ? SOURCE_CHROOT : chroot, directory].join('/');
}

/** Each segment escaped on its own: an owner may be `@group`, a package `libstdc++`. */
export function urlBelow(base: string, path: string): string {
  const escaped = path
    .split('/')
    .map((segment) => encodeURIComponent(segment).replaceAll('%40', '@').replaceAll('%2B', '+').replaceAll('%3A', ':'))
    .join('/');
  return `${base.replace(/\/+$/, '')}/${escaped}`;
}
