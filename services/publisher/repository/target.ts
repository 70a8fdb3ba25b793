import { z } from 'zod';
import { type ChrootName, chrootName } from '../paths.ts';
import type { Visit } from '../project/gate.ts';
import { type RepositoryKind, repositoryKinds } from './change.ts';

/** One repository, in one life of its project. */
export interface Target {
  name: ChrootName;
  kind: RepositoryKind;
  visit: Visit;
}

/** Requests of two lives of a project have different keys: they are never made together. */
export function keyOf({ owner, project, chroot }: ChrootName, { deletions }: Visit, kind: RepositoryKind): string {
  return JSON.stringify([owner, project, chroot, deletions, kind]);
}

export function targetOf(key: string): Target {
  const [owner, project, chroot, deletions, kind] = keyParts.parse(JSON.parse(key));
  return { name: chrootName(owner, project, chroot), kind, visit: { owner, project, deletions } };
}

const keyParts = z.tuple([z.string(), z.string(), z.string(), z.int(), z.enum(repositoryKinds)]);
