import type { BuilderPool } from '../../crds/builderpool.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { Container, Pod, PodSpec } from '../../operator/core.ts';
import { ownerReference } from '../../operator/resource.ts';
import { ownImage, placement, RESTRICTED, resources } from '../builder/pod.ts';
import type { Installation } from '../builder/world.ts';
import { labelValue, shortHash, truncated } from '../shared/names.ts';

export const LABELS = { name: 'app.kubernetes.io/name', pool: 'kopr.dev/pool', slot: 'kopr.dev/slot' } as const;
export const PLACEHOLDER = 'kopr-placeholder';

/** Each image is an init container; more would make a pod that no API server takes. */
const MAX_IMAGES = 50;
/** Whoever pushes it aside waits for its end. */
const GRACE_SECONDS = 1;

export interface PlaceholderOptions {
  installation: Installation;
  /** PriorityClass below that of builder pods. */
  priorityClassName: string;
}

/** Images of the chroots that builders of this pool build in, sorted. */
export function imagesOf({ spec }: BuilderPool, chroots: readonly Chroot[]): string[] {
  const offered = new Set((spec.tags ?? []).map(({ name }) => name));
  const images = chroots
    .filter((chroot) => chroot.spec.state === 'Active' && spec.architectures.includes(chroot.spec.architecture))
    .filter((chroot) => (chroot.spec.tags ?? []).every((tag) => offered.has(tag)))
    .flatMap((chroot) => chroot.spec.container?.image ?? []);
  return [...new Set(images)].sort().slice(0, MAX_IMAGES);
}

/**
 * Pure: a pod that has the place of a builder of this pool, and its images on the node, until a builder wants the
 * place. Its name follows from all that is in it.
 */
export function placeholderPod(
  pool: BuilderPool,
  images: readonly string[],
  slot: number,
  { installation, priorityClassName }: PlaceholderOptions,
): Pod {
  const spec: PodSpec = {
    hostUsers: false,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: GRACE_SECONDS,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    ...placement(pool),
    priorityClassName,
    initContainers: images.map(pullContainer),
    containers: [
      { name: 'room', ...ownImage(installation, 'idle'), securityContext: RESTRICTED, ...resources(pool) },
      // What the agent beside a build takes.
      {
        name: 'agent',
        ...ownImage(installation, 'idle'),
        securityContext: RESTRICTED,
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
      },
    ],
  };
  const { name, namespace = '' } = pool.metadata;
  const short = name.length <= 40 ? name : truncated(name, 40);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${short}-warm-${shortHash(JSON.stringify([name, pool.metadata.uid, spec]))}-${slot}`,
      namespace,
      labels: {
        [LABELS.name]: PLACEHOLDER,
        'app.kubernetes.io/part-of': 'kopr',
        [LABELS.pool]: labelValue(name),
        [LABELS.slot]: String(slot),
      },
      ownerReferences: [ownerReference(pool, { controller: true })],
    },
    spec,
  };
}

/** Nothing of the image is run but its shell, and that at once ends. */
function pullContainer(image: string, index: number): Container {
  return {
    name: `image-${index}`,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/sh', '-c', ':'],
    securityContext: RESTRICTED,
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '128Mi' } },
  };
}
