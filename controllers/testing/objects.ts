import type { Build } from '../../crds/build.ts';
import type { Builder, StageClaim } from '../../crds/builder.ts';
import { stageClaimOf } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { API_VERSION } from '../../crds/kind.ts';
import type { Package } from '../../crds/package.ts';
import type { Project } from '../../crds/project.ts';
import { projectSpec } from '../../crds/project.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { ObjectMeta } from '../../operator/resource.ts';
import type { Installation } from '../builder/world.ts';

/** Objects for tests: complete as the API server would return them, with only what matters spelled out. */

/** The moment at which tests take place, milliseconds since the epoch. */
export const NOW = Date.parse('2026-11-24T12:00:00Z');

/** A timestamp so many seconds before NOW. */
export function ago(seconds: number): string {
  return toTimestamp(NOW - seconds * 1000);
}

function meta(name: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
  return { name, namespace: 'demo', uid: `uid-${name}`, generation: 1, creationTimestamp: ago(10), ...more };
}

export function aChroot(name: string, spec: Partial<Chroot['spec']> = {}): Chroot {
  const at = name.lastIndexOf('-');
  return {
    apiVersion: API_VERSION,
    kind: 'Chroot',
    metadata: { name: name.replaceAll('_', '-'), uid: `uid-${name}` },
    spec: {
      name,
      distribution: name.slice(0, at),
      architecture: name.slice(at + 1),
      container: { image: `localhost/${name}` },
      buildrootPackages: [],
      state: 'Active',
      ...spec,
    },
  };
}

export function aProject(spec: Partial<Project['spec']> = {}, status: Project['status'] = readyStatus()): Project {
  return {
    apiVersion: API_VERSION,
    kind: 'Project',
    metadata: meta('hello'),
    spec: {
      chroots: ['pebble-13-x86_64', 'pebble-12-i386'],
      options: projectSpec.shape.options.parse(undefined),
      unlisted: false,
      persistent: false,
      retention: { ttlSecondsAfterFinished: 86400, keepLast: 20 },
      suspend: false,
      deletionPolicy: 'Delete',
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

export function readyStatus(): NonNullable<Project['status']> {
  return {
    observedGeneration: 1,
    owner: 'demo',
    conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: ago(100) }],
  };
}

export function aBuild(spec: Partial<Build['spec']> = {}, status: Build['status'] = { id: 7 }): Build {
  return {
    apiVersion: API_VERSION,
    kind: 'Build',
    metadata: meta('hello-1'),
    spec: {
      project: 'hello',
      source: { link: { url: 'http://files.example/hello-2.12-1.src.rpm' } },
      background: false,
      cancelled: false,
      ...spec,
    },
    status,
  };
}

export function aPackage(spec: Partial<Package['spec']> = {}, status?: Package['status']): Package {
  return {
    apiVersion: API_VERSION,
    kind: 'Package',
    metadata: meta('greet', { generation: 3 }),
    spec: {
      project: 'hello',
      source: { git: { url: 'https://git.example/greet.git' } },
      webhookRebuild: false,
      autoBuild: true,
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

export function aSourceStage(status: Partial<NonNullable<ChrootBuild['status']>> = {}): ChrootBuild {
  return {
    apiVersion: API_VERSION,
    kind: 'ChrootBuild',
    metadata: meta('hello-1.source', { labels: { 'kopr.dev/build': 'hello-1' } }),
    spec: {
      build: 'hello-1',
      buildID: 7,
      project: 'hello',
      owner: 'demo',
      stage: 'source',
      chroot: 'srpm-builds',
      source: { link: { url: 'http://files.example/hello-2.12-1.src.rpm' } },
      branches: ['pebble-12', 'pebble-13'],
      timeoutSeconds: 18000,
      network: false,
      background: false,
      cancelled: false,
    },
    status,
  };
}

export function aBinaryStage(chroot: string, status: Partial<NonNullable<ChrootBuild['status']>> = {}): ChrootBuild {
  const source = aSourceStage(status);
  const { source: _source, branches: _branches, ...spec } = source.spec;
  return {
    ...source,
    metadata: meta(`hello-1.${chroot.replaceAll('_', '-')}`),
    spec: {
      ...spec,
      stage: 'binary',
      chroot,
      package: { name: 'hello', repo: 'demo/hello/hello', commit: 'c'.repeat(40) },
    },
  };
}

/** The conditions of something that has ended. */
export function endedAs(
  outcome: 'succeeded' | 'failed' | 'canceled',
  reason = 'Test',
  message = 'as the test wants it',
): Pick<NonNullable<ChrootBuild['status']>, 'observedGeneration' | 'conditions' | 'state' | 'reason' | 'message'> {
  const succeeded = outcome === 'succeeded' ? 'True' : 'False';
  const lastTransitionTime = ago(5);
  return {
    observedGeneration: 1,
    state: outcome,
    reason,
    message,
    conditions: [
      { type: 'Succeeded', status: succeeded, reason, message, lastTransitionTime, observedGeneration: 1 },
      { type: 'Complete', status: 'True', reason, message, lastTransitionTime, observedGeneration: 1 },
    ],
  };
}

export function aTicket(
  name: string,
  spec: Partial<BuilderTicket['spec']> = {},
  status?: BuilderTicket['status'],
  metadata: Partial<ObjectMeta> = {},
): BuilderTicket {
  const owner = spec.owner ?? 'demo';
  const project = spec.project ?? 'hello';
  return {
    apiVersion: API_VERSION,
    kind: 'BuilderTicket',
    metadata: meta(name, { namespace: owner, ...metadata }),
    spec: {
      chrootBuild: name,
      chrootBuildUID: `uid-of-${name}`,
      attempt: 1,
      owner,
      project,
      sandbox: `${owner}/${project}`,
      architecture: 'x86_64',
      tags: [],
      priority: 0,
      closed: false,
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

export function aPool(
  name: string,
  spec: Partial<BuilderPool['spec']> = {},
  status?: BuilderPool['status'],
): BuilderPool {
  return {
    apiVersion: API_VERSION,
    kind: 'BuilderPool',
    metadata: meta(name, { namespace: 'kopr-builds' }),
    spec: {
      pod: { workspace: { medium: 'Disk', sizeLimit: '20Gi' }, warm: 0 },
      architectures: ['x86_64', 'i386'],
      max: 4,
      maxStarting: 4,
      preallocated: 2,
      startDelaySeconds: 0,
      startTimeoutSeconds: 600,
      releaseTimeoutSeconds: 300,
      deleteTimeoutSeconds: 600,
      liveness: { periodSeconds: 300, attempts: 3, timeoutSeconds: 60 },
      reuse: { waitSeconds: 0, maxUses: 0, maxSeconds: 3600 },
      namePattern: '{pool_name}-{id}',
      suspend: false,
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

export function aBuilder(ticket: BuilderTicket, status?: Builder['status'], pool = 'default'): Builder {
  return {
    apiVersion: API_VERSION,
    kind: 'Builder',
    metadata: meta(`${pool}-${ticket.metadata.name}`, { namespace: 'kopr-builds' }),
    spec: {
      pool,
      ticket: {
        namespace: ticket.metadata.namespace ?? '',
        name: ticket.metadata.name,
        uid: ticket.metadata.uid ?? '',
      },
      chrootBuild: {
        namespace: ticket.metadata.namespace ?? '',
        name: ticket.spec.chrootBuild ?? '',
        uid: ticket.spec.chrootBuildUID ?? '',
      },
      attempt: ticket.spec.attempt,
      sandbox: ticket.spec.sandbox,
      architecture: ticket.spec.architecture,
    },
    ...(status === undefined ? {} : { status }),
  };
}

export function aClaim(ticket: BuilderTicket): StageClaim {
  const claim = stageClaimOf(aBuilder(ticket));
  if (claim === undefined) throw new Error(`ticket ${ticket.metadata.name} is not of a stage`);
  return claim;
}

export const INSTALLATION: Installation = {
  buildsNamespace: 'kopr-builds',
  builderImage: 'localhost/kopr-builder:1',
  builderImagePullPolicy: 'IfNotPresent',
  hostAliases: [{ ip: '10.0.0.1', hostnames: ['mirror.example'] }],
  publisherURL: 'http://kopr-publisher:5012',
  distgitURL: 'http://kopr-distgit:5001',
  resultsInternalURL: 'http://kopr-results:5002/results',
  vendor: 'kopr',
};
