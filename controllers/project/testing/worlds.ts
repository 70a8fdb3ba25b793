import type { Project } from '../../../crds/project.ts';
import type { ProjectRepositories } from '../../../lib/protocol/publisher.ts';
import type { ObjectMeta } from '../../../operator/resource.ts';
import { aChroot, aProject, NOW } from '../../testing/objects.ts';
import type { ProjectPlan } from '../plan.ts';
import { FINALIZER, planProject } from '../plan.ts';
import type { ProjectWorld } from '../world.ts';

/** Worlds for tests of what one Project needs next. */

const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386'].map((name) => aChroot(name));

export function repositories(generation = 1): ProjectRepositories {
  const repo = { generation, packages: 0, repoURL: 'http://r.example/', repoFileURL: 'http://r.example/a.repo' };
  return {
    state: 'done',
    publicKeyFingerprint: 'F'.repeat(40),
    publicKeyURL: 'http://r.example/pubkey.gpg',
    chroots: CHROOTS.map(({ spec }) => ({ name: spec.name, ...repo })),
  };
}

export function project(
  status: NonNullable<Project['status']> = { id: 4 },
  metadata: Partial<ObjectMeta> = {},
  spec: Partial<Project['spec']> = {},
): Project {
  const made = aProject(spec, status);
  return { ...made, metadata: { ...made.metadata, finalizers: [FINALIZER], ...metadata } };
}

export function aWorld(more: Partial<ProjectWorld> = {}): ProjectWorld {
  return {
    project: project(),
    owner: { owner: 'demo' },
    conflict: undefined,
    nameTaken: undefined,
    chroots: new Map(CHROOTS.map((chroot) => [chroot.spec.name, chroot])),
    builds: [],
    published: new Map(),
    ...more,
  };
}

/** A Project as it is after the publisher has answered once. */
export function settled(): Project {
  const plan = planProject(aWorld({ repositories: repositories() }), NOW);
  return project(statusOf(plan));
}

export function statusOf(plan: ProjectPlan): NonNullable<Project['status']> {
  if (plan.step !== 'status') throw new Error(`the plan is ${plan.step}`);
  return plan.status;
}

export function readiness(plan: ProjectPlan): { status: string; reason: string } | undefined {
  return statusOf(plan).conditions?.find(({ type }) => type === 'Ready');
}
