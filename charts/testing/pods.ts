import type { KubeDocument } from './helm.ts';

export interface TestContainer {
  name: string;
  image: string;
  command?: string[];
  env?: { name: string; value?: string; valueFrom?: unknown }[];
  ports?: { name: string; containerPort: number }[];
  resources?: { requests?: object; limits?: object };
  securityContext?: Record<string, unknown>;
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
}

export interface TestPod {
  /** Kind and name of the object that holds it, e.g. `Deployment kopr-operator`. */
  owner: string;
  labels: Record<string, string>;
  spec: {
    serviceAccountName?: string;
    automountServiceAccountToken?: boolean;
    enableServiceLinks?: boolean;
    hostUsers?: boolean;
    securityContext?: Record<string, unknown>;
    affinity?: object;
    nodeSelector?: object;
    tolerations?: object[];
    priorityClassName?: string;
    imagePullSecrets?: object[];
    containers: TestContainer[];
    volumes?: Record<string, unknown>[];
  };
}

/** Every pod that the chart brings, whatever makes it. */
export function podsOf(documents: readonly KubeDocument[]): TestPod[] {
  return documents.flatMap((document) => {
    const owner = `${document.kind} ${document.metadata.name}`;
    if (document.kind === 'Pod') {
      return [{ owner, labels: document.metadata.labels ?? {}, spec: document.spec as TestPod['spec'] }];
    }
    const { template } = (document.spec ?? {}) as {
      template?: { metadata?: { labels?: Record<string, string> }; spec?: TestPod['spec'] };
    };
    return template?.spec ? [{ owner, labels: template.metadata?.labels ?? {}, spec: template.spec }] : [];
  });
}

/** Environment of a container as far as the chart states it; a reference becomes "from-field", or a URL if it is one. */
export function envOf(container: TestContainer): Record<string, string> {
  const placeholder = (name: string): string => (name.endsWith('_URL') ? 'redis://from.secret' : 'from-field');
  return Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value ?? placeholder(name)]));
}
