import { z } from 'zod';

/** A group of values. Unknown names in it are refused, so that a misspelt value is not silently ignored. */
export function section<Shape extends z.ZodRawShape>(
  shape: Shape,
  description: string,
): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape).describe(description);
}

/** Anything that Kubernetes itself describes and checks. */
export function kubernetes(description: string): z.ZodType {
  return z.record(z.string(), z.unknown()).default({}).describe(description);
}

export function kubernetesList(description: string): z.ZodType {
  return z.array(z.record(z.string(), z.unknown())).default([]).describe(description);
}

export function labels(description: string): z.ZodType {
  return z.record(z.string(), z.string()).default({}).describe(description);
}

export const text = (description: string, value = ''): z.ZodType => z.string().default(value).describe(description);
export const flag = (description: string, value: boolean): z.ZodType =>
  z.boolean().default(value).describe(description);

export function whole(description: string, value: number, min: number, max: number): z.ZodType {
  return z.int().min(min).max(max).default(value).describe(description);
}

export const nodePort = z
  .int()
  .min(0)
  .max(65535)
  .default(0)
  .describe('Port on every node, for the types NodePort and LoadBalancer; 0: Kubernetes chooses.');

export const serviceType = z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).default('ClusterIP');

export function quantity(description: string, value: string): z.ZodType {
  return z
    .string()
    .regex(/^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/)
    .default(value)
    .describe(description);
}

const PULL_POLICY = ['Always', 'IfNotPresent', 'Never'] as const;

export const pullPolicy = z.enum(PULL_POLICY).default('IfNotPresent').describe('When images are pulled.');

export function image(repository: string): z.ZodType {
  return section(
    {
      registry: text('Registry; empty: `image.registry`.'),
      repository: text('Repository in the registry.', repository),
      tag: text('Tag; empty: `image.tag`.'),
      digest: z
        .string()
        .regex(/^(sha256:[0-9a-f]{64})?$/)
        .default('')
        .describe('Digest such as sha256:…; it wins over the tag.'),
      pullPolicy: z
        .enum(['', ...PULL_POLICY])
        .default('')
        .describe('When it is pulled; empty: `image.pullPolicy`.'),
    },
    'Image.',
  );
}

export function resources(requests: object, limits: object): z.ZodType {
  return z
    .record(z.string(), z.unknown())
    .default({ requests, limits })
    .describe('Resource requests and limits of the container.');
}

/** What can be set for the pods of every component. */
export const podValues = {
  nodeSelector: labels('Labels of the nodes it may run on.'),
  tolerations: kubernetesList('Taints it tolerates.'),
  affinity: kubernetes('Affinity rules.'),
  topologySpreadConstraints: kubernetesList('Rules for spreading over zones and nodes.'),
  priorityClassName: text('PriorityClass of its pods.'),
  podLabels: labels('More labels of its pods.'),
  podAnnotations: labels('More annotations of its pods.'),
  podSecurityContext: kubernetes('Replaces members of the common `podSecurityContext`.'),
  securityContext: kubernetes('Replaces members of the common `securityContext`.'),
  extraEnv: kubernetesList('More environment variables of its container.'),
  extraVolumes: kubernetesList('More volumes of its pods.'),
  extraVolumeMounts: kubernetesList('More volume mounts of its container.'),
};

export function persistence(size: string): z.ZodType {
  return section(
    {
      size: quantity('Size of its volume.', size),
      storageClass: text('StorageClass; empty: the default one of the cluster.'),
      accessModes: z.array(z.string()).min(1).default(['ReadWriteOnce']).describe('Access modes of the volume.'),
      annotations: labels('Annotations of the claim.'),
      existingClaim: text('Name of a claim that exists already and is to be used instead.'),
    },
    'Its volume. Uninstalling the chart keeps it.',
  );
}

export const serviceAccount = section(
  {
    create: flag('Make a ServiceAccount.', true),
    name: text('Its name; empty: made from the name of the release.'),
    annotations: labels('Its annotations.'),
  },
  'ServiceAccount.',
);

export function secretRef(key: string, description: string): z.ZodType {
  return section(
    {
      existingSecret: text(
        'Name of a Secret that exists already; empty: one with random content is made once and kept.',
      ),
      key: text('Key in that Secret.', key),
    },
    description,
  );
}
