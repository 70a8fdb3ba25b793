import { isMachine } from '../../crds/builder.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { POD_FAILSAFE_SECONDS, podPaths } from '../../lib/protocol/task.ts';
import type { Container, Pod, PodSpec } from '../../operator/core.ts';
import { ownerReference } from '../../operator/resource.ts';
import { builderName } from '../shared/names.ts';
import type { BuilderWorld, Installation } from './world.ts';

/** The build user of every image. It exists inside the pod's user namespace only. */
const UNPRIVILEGED = 1000;

/**
 * What root needs inside its user namespace to install packages and to fence rpmbuild in. Outside the namespace none
 * of it means anything. Without FSETID setgid bits are lost, without SETFCAP packages with file capabilities fail;
 * SYS_ADMIN is for `unshare --net` around rpmbuild.
 */
const BUILD_CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'SETFCAP',
  'SETUID',
  'SETGID',
  'SETPCAP',
  'SYS_CHROOT',
  'KILL',
  'SYS_ADMIN',
];

/** Of a pod, and of the Secret beside it. A machine has one pod for each ticket that it serves. */
export function podNameOf({ builder, claim }: Pick<BuilderWorld, 'builder' | 'claim'>): string {
  return isMachine(builder) ? builderName(claim.ticket.uid) : builder.metadata.name;
}

/** Entries of the Secret of a pod. Each is a volume of its own: no container sees more than what is meant for it. */
export const TASK_ENTRY = 'task.json';
export const TOKEN_ENTRY = 'token';
export const SOURCE_TOKEN_ENTRY = 'source-token';

/** Pure: the pod of one build stage. The container that runs strangers' code holds no credential. */
export function builderPod(world: BuilderWorld, image: string | undefined, installation: Installation): Pod {
  const { pool } = world;
  const build = image === undefined ? sourceContainer(pool, installation) : chrootContainer(pool, image);
  return podAround(build, world, installation, { fromDistgit: image !== undefined });
}

/** What is the same for every stage: the containers around the one that builds, and what they share. */
export function podAround(
  build: Container,
  world: BuilderWorld,
  installation: Installation,
  more: { fromDistgit: boolean; labels?: Record<string, string>; volumes?: object[]; graceSeconds?: number },
): Pod {
  const { builder, claim, pool, chrootBuild } = world;
  const name = podNameOf(world);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: installation.buildsNamespace,
      labels: {
        'app.kubernetes.io/name': 'kopr-builder',
        'app.kubernetes.io/part-of': 'kopr',
        'kopr.dev/pool': builder.spec.pool,
        ...more.labels,
      },
      annotations: {
        'kopr.dev/chrootbuild': `${claim.chrootBuild.namespace}/${claim.chrootBuild.name}`,
      },
      ownerReferences: [ownerReference(builder, { controller: true })],
    },
    spec: {
      hostUsers: false,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: more.graceSeconds ?? 30,
      activeDeadlineSeconds: (chrootBuild?.spec.timeoutSeconds ?? 0) + POD_FAILSAFE_SECONDS,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      ...(installation.hostAliases.length === 0 ? {} : { hostAliases: [...installation.hostAliases] }),
      ...placement(pool),
      initContainers: [fetchContainer(installation, more.fromDistgit), agentContainer(installation)],
      containers: [build],
      volumes: [
        secretVolume('task', name, TASK_ENTRY, 'task.json'),
        secretVolume('token', name, TOKEN_ENTRY, 'token'),
        ...(more.fromDistgit ? [secretVolume('source-token', name, SOURCE_TOKEN_ENTRY, 'token')] : []),
        { name: 'work', emptyDir: workspace(pool) },
        { name: 'results', emptyDir: workspace(pool) },
        { name: 'control', emptyDir: { sizeLimit: '1Mi' } },
        { name: 'tmp', emptyDir: workspace(pool) },
        ...(more.volumes ?? []),
      ],
    },
  };
}

function secretVolume(name: string, secretName: string, key: string, path: string): object {
  return { name, secret: { secretName, items: [{ key, path }] } };
}

export function placement(pool: BuilderPool | undefined): Partial<PodSpec> {
  const pod = pool?.spec.pod;
  return {
    ...(pod?.nodeSelector ? { nodeSelector: { ...pod.nodeSelector } } : {}),
    ...(pod?.tolerations ? { tolerations: [...pod.tolerations] } : {}),
    ...(pod?.runtimeClassName ? { runtimeClassName: pod.runtimeClassName } : {}),
    ...(pod?.priorityClassName ? { priorityClassName: pod.priorityClassName } : {}),
  };
}

function workspace(pool: BuilderPool | undefined): object {
  const { medium, sizeLimit } = pool?.spec.pod?.workspace ?? { medium: 'Disk', sizeLimit: '20Gi' };
  return medium === 'Memory' ? { medium, sizeLimit } : { sizeLimit };
}

/** Runs before the others: gets and checks the inputs. */
function fetchContainer(installation: Installation, fromDistgit: boolean): Container {
  return {
    name: 'fetch',
    ...ownImage(installation, 'fetch'),
    securityContext: RESTRICTED,
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '1Gi' } },
    volumeMounts: [
      mount('task', true),
      ...(fromDistgit ? [mount('source-token', true)] : []),
      mount('work'),
      mount('results'),
      TMP,
    ],
  };
}

/**
 * Native sidecar: the only container with the token. It reads what the build writes and trusts none of it; it has no
 * /tmp, which the build could lay traps in.
 */
function agentContainer(installation: Installation): Container {
  return {
    name: 'agent',
    ...ownImage(installation, 'agent'),
    restartPolicy: 'Always',
    securityContext: RESTRICTED,
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
    volumeMounts: [mount('task', true), mount('token', true), mount('results', true), mount('control')],
  };
}

/** The source stage runs in kopr's own image, as an ordinary user without any capability. */
function sourceContainer(pool: BuilderPool | undefined, installation: Installation): Container {
  return {
    name: 'build',
    ...ownImage(installation, 'srpm'),
    securityContext: RESTRICTED,
    ...resources(pool),
    volumeMounts: [mount('task', true), mount('work'), mount('results'), mount('control', true), TMP],
  };
}

/** The binary stage runs in the distribution's image, as root of the pod's user namespace. */
function chrootContainer(pool: BuilderPool | undefined, image: string): Container {
  return {
    name: 'build',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/sh', `${podPaths.work}/plan/engine.sh`],
    workingDir: '/',
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      privileged: false,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: BUILD_CAPABILITIES },
    },
    ...resources(pool),
    volumeMounts: [mount('work'), mount('results'), mount('control', true)],
  };
}

export function ownImage(
  installation: Installation,
  command: string,
): Pick<Container, 'image' | 'args'> & { imagePullPolicy: string } {
  return { image: installation.builderImage, imagePullPolicy: installation.builderImagePullPolicy, args: [command] };
}

export function resources(pool: BuilderPool | undefined): object {
  const wanted = pool?.spec.pod?.resources;
  return wanted === undefined ? {} : { resources: { ...wanted } };
}

/** For our own programs: an ordinary user who can write to volumes alone. */
export const RESTRICTED = {
  runAsUser: UNPRIVILEGED,
  runAsGroup: UNPRIVILEGED,
  runAsNonRoot: true,
  privileged: false,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

export const TMP = { name: 'tmp', mountPath: '/tmp' };

export function mount(
  name: 'task' | 'token' | 'source-token' | 'work' | 'results' | 'control',
  readOnly = false,
): object {
  const mountPath = `/kopr/${name}`;
  return { name, mountPath, ...(readOnly ? { readOnly: true } : {}) };
}
