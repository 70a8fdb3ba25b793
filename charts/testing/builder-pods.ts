/** Manifests of builder pods: one that is let into the namespace of builds, and ways in which it may differ. */
import type { Json } from '../../crds/testing/api.ts';

export type Change = Record<string, unknown>;

/** What every container says, those without capabilities nothing more. */
export const PLAIN = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

export function adding(...add: string[]): Change {
  return { ...PLAIN, capabilities: { drop: ['ALL'], add } };
}

const GOOD_CONTAINER = {
  name: 'build',
  image: 'distribution',
  securityContext: { ...adding('CHOWN', 'SYS_ADMIN'), privileged: false },
};

/** A pod that is let in, with some members of its spec replaced. */
export function pod(change: Change = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'builder' },
    spec: {
      hostUsers: false,
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      containers: [GOOD_CONTAINER],
      volumes: [
        { name: 'work', emptyDir: {} },
        { name: 'task', secret: { secretName: 'task' } },
      ],
      ...change,
    },
  };
}

/** The same with one container that differs. */
export function container(securityContext: Change, more: Change = {}): Json {
  return pod({ containers: [{ ...GOOD_CONTAINER, securityContext: { ...PLAIN, ...securityContext }, ...more }] });
}

/** The same with one more container before the others. */
export function beside(securityContext: Change | undefined): Json {
  return pod({ initContainers: [{ name: 'agent', image: 'a', restartPolicy: 'Always', securityContext }] });
}

/** The same with one more volume in place of its own. */
export function withVolume(source: Change): Json {
  return pod({ volumes: [{ name: 'more', ...source }] });
}
