import type { Build } from '../../../crds/build.ts';
import type { ChrootBuild } from '../../../crds/chrootbuild.ts';
import { API_VERSION } from '../../../crds/kind.ts';
import type { Package } from '../../../crds/package.ts';
import type { Project } from '../../../crds/project.ts';
import { projectSpec } from '../../../crds/project.ts';
import type { Removal } from '../../../crds/removal.ts';
import type { ObjectMeta } from '../../../operator/resource.ts';

/** Objects for tests: complete as the API server would return them, with only what matters spelled out. */

export const SUBMITTED = '2026-11-24T12:00:00Z';
export const ENDED = '2026-11-24T12:05:00Z';
export const SOURCE = { link: { url: 'http://files.test/hello-2.12-1.src.rpm' } };

function meta(name: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
  return { name, namespace: 'alice', uid: `uid-${name}`, creationTimestamp: SUBMITTED, ...more };
}

export function aProject(
  name = 'hello',
  more: Partial<Project['spec']> = {},
  metadata: Partial<ObjectMeta> = {},
): Project {
  return {
    apiVersion: API_VERSION,
    kind: 'Project',
    metadata: meta(name, metadata),
    spec: projectSpec.parse({ chroots: ['fedora-43-x86_64'], ...more }),
    status: { id: 3, owner: 'alice' },
  };
}

type Condition = NonNullable<NonNullable<Build['status']>['conditions']>[number];

function complete(succeeded: boolean): Condition[] {
  const common = { reason: 'Ended', message: '', lastTransitionTime: ENDED };
  return [
    { type: 'Complete', status: 'True', ...common },
    { type: 'Succeeded', status: succeeded ? 'True' : 'False', ...common },
  ];
}

export function endedStatus(
  id: number,
  more: Partial<NonNullable<Build['status']>> = {},
): NonNullable<Build['status']> {
  return {
    id,
    state: 'succeeded',
    conditions: complete((more.state ?? 'succeeded') === 'succeeded'),
    package: 'hello',
    version: '2.12-1',
    chroots: [{ name: 'fedora-43-x86_64', state: 'succeeded', resultsURL: 'http://results.test/x' }],
    source: { resultsURL: 'http://results.test/s/', srpm: 'hello-2.12-1.src.rpm' },
    startedAt: '2026-11-24T12:00:30Z',
    completedAt: ENDED,
    ...more,
  };
}

export function aBuild(
  id: number,
  more: { spec?: Partial<Build['spec']>; status?: Build['status']; metadata?: Partial<ObjectMeta> } = {},
): Build {
  return {
    apiVersion: API_VERSION,
    kind: 'Build',
    metadata: meta(`b-${id}`, more.metadata),
    spec: { project: 'hello', source: SOURCE, background: false, cancelled: false, ...more.spec },
    status: more.status ?? endedStatus(id),
  };
}

export function stageStatus(
  more: Partial<NonNullable<ChrootBuild['status']>> = {},
): NonNullable<ChrootBuild['status']> {
  return {
    state: 'succeeded',
    phase: 'Succeeded',
    conditions: complete(true),
    startedAt: '2026-11-24T12:01:00Z',
    finishedAt: '2026-11-24T12:04:00Z',
    resultsURL: 'http://results.test/x',
    logURL: 'http://results.test/x/builder-live.log',
    packages: [{ name: 'hello', epoch: 0, version: '2.12', release: '1', arch: 'x86_64' }],
    ...more,
  };
}

export function aStage(build: Build, chroot: string, status: ChrootBuild['status'] = stageStatus()): ChrootBuild {
  const source = chroot === 'srpm-builds';
  const { name, uid = '' } = build.metadata;
  return {
    apiVersion: API_VERSION,
    kind: 'ChrootBuild',
    metadata: meta(`${name}.${chroot.replaceAll('_', '-')}`, {
      ownerReferences: [{ apiVersion: API_VERSION, kind: 'Build', name, uid, controller: true }],
    }),
    spec: {
      build: name,
      buildID: build.status?.id ?? 1,
      project: build.spec.project,
      owner: 'alice',
      stage: source ? 'source' : 'binary',
      chroot,
      ...(source ? { source: SOURCE } : { package: { name: 'hello', repo: 'alice/hello/hello', commit: 'c' } }),
      timeoutSeconds: 18_000,
      network: false,
      background: false,
      cancelled: false,
    } as ChrootBuild['spec'],
    status,
  };
}

export function aPackage(name: string, spec: Partial<Package['spec']> = {}): Package {
  return {
    apiVersion: API_VERSION,
    kind: 'Package',
    metadata: meta(name),
    spec: { project: 'hello', autoBuild: false, webhookRebuild: false, ...spec },
  };
}

export function removalStatus(outcome: 'removed' | 'refused'): NonNullable<Removal['status']> {
  return { conditions: complete(outcome === 'removed') };
}

export function aRemoval(
  builds: number[],
  metadata: Partial<ObjectMeta> = {},
  outcome?: 'removed' | 'refused',
): Removal {
  return {
    apiVersion: API_VERSION,
    kind: 'Removal',
    metadata: meta('gone', metadata),
    spec: { project: 'hello', builds },
    ...(outcome === undefined ? {} : { status: removalStatus(outcome) }),
  };
}
