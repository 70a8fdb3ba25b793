import { z } from 'zod';
import {
  flag,
  image,
  kubernetesList,
  labels,
  nodePort,
  persistence,
  podValues,
  resources,
  secretRef,
  section,
  serviceAccount,
  serviceType,
  text,
  whole,
} from './common.ts';

const NO_LESS_THAN_A_MINUTE = 60;

export const operator = section(
  {
    replicas: whole('Replicas. One leads, the others take over within seconds.', 2, 0, 20),
    image: image('kopr-operator'),
    resources: resources({ cpu: '50m', memory: '128Mi' }, { memory: '1Gi' }),
    serviceAccount,
    podDisruptionBudget: section(
      {
        enabled: flag('Make a PodDisruptionBudget when there is more than one replica.', true),
        minAvailable: whole('Replicas that must stay.', 1, 0, 20),
      },
      'PodDisruptionBudget.',
    ),
    ...podValues,
  },
  'The operator: every controller and the scheduler.',
);

export const keygen = section(
  {
    image: image('kopr-keygen'),
    resources: resources({ cpu: '20m', memory: '96Mi' }, { memory: '512Mi' }),
    persistence: persistence('1Gi'),
    masterKey: secretRef(
      'master.key',
      'The key that all signing keys are encrypted with. Back it up: without it every signing key is lost.',
    ),
    allowedSubjects: z
      .array(z.string().min(1))
      .min(1)
      .default(['kopr-publisher'])
      .describe('Common names of the client certificates that may have something signed.'),
    keyBits: z.literal([2048, 3072, 4096]).default(4096).describe('Size of new RSA keys.'),
    ...podValues,
  },
  'keygen: makes and keeps the signing keys. Only the publisher can talk to it.',
);

export const distgit = section(
  {
    image: image('kopr-distgit'),
    resources: resources({ cpu: '50m', memory: '96Mi' }, { memory: '1Gi' }),
    persistence: persistence('50Gi'),
    srpmOrigins: z
      .array(z.string())
      .default([])
      .describe('More URL prefixes that SRPMs may be imported from, besides the results of this kopr.'),
    publicReads: flag(
      'Let everybody who reaches distgit read all sources and import logs, as Copr does. Otherwise each build reads its own package only, with a token; and exposing distgit is of no use. Users then share the limits for one client address wherever a proxy or a node stands in for them: see `trustedProxies`, `extraService.externalTrafficPolicy`, `gitPerClient` and `requestsPerClient`.',
      false,
    ),
    gitPerClient: whole('Git requests that one client address may have under way.', 4, 1, 1000),
    requestsPerClient: whole('Requests of any kind that one client address may have open.', 32, 1, 10_000),
    trustedProxies: z
      .array(z.string().regex(/^[0-9a-fA-F.:]+(\/[0-9]+)?$/))
      .default([])
      .describe(
        'Addresses and networks of proxies (an Ingress controller, say) whose `X-Forwarded-For` is believed: the limits are then for each user and not for all together. Whoever is in such a network can evade the limits, so it must not hold builder pods.',
      ),
    extraService: section(
      {
        type: z
          .enum(['None', 'NodePort', 'LoadBalancer'])
          .default('None')
          .describe('Type of one more Service, that exposes the public port (5001) outside of the cluster.'),
        nodePort,
        externalTrafficPolicy: z
          .enum(['', 'Cluster', 'Local'])
          .default('')
          .describe(
            'Local keeps the addresses of users, by which distgit limits them, and answers on the node of distgit only; Cluster answers on every node, whose users then count as one. Empty: Local for LoadBalancer, Cluster for NodePort.',
          ),
        annotations: labels('Its annotations.'),
      },
      'How the public side of distgit is exposed, besides Ingress and HTTPRoute.',
    ),
    ...podValues,
  },
  'distgit: sources of every build, as Git repositories and a cache of files.',
);

export const publisher = section(
  {
    image: image('kopr-publisher'),
    resources: resources({ cpu: '100m', memory: '128Mi' }, { memory: '2Gi' }),
    persistence: persistence('100Gi'),
    limits: section(
      {
        fileBytes: whole('Largest file that a build may upload, in bytes.', 8_589_934_592, 1, 1_099_511_627_776),
        taskBytes: whole('Most bytes that a build may upload in all.', 17_179_869_184, 1, 1_099_511_627_776),
      },
      'Limits of uploads.',
    ),
    service: section(
      {
        type: serviceType.describe('Type of the Service of results and repositories (port 5002).'),
        nodePort,
        annotations: labels('Its annotations.'),
      },
      'Service of results and repositories.',
    ),
    web: section(
      {
        image: image('kopr-web'),
        resources: resources({ cpu: '10m', memory: '16Mi' }, { memory: '256Mi' }),
        securityContext: podValues.securityContext,
        extraEnv: podValues.extraEnv,
      },
      'nginx, which serves results and repositories from the same volume, read-only.',
    ),
    terminationGracePeriodSeconds: whole(
      'Seconds for ending what is being published when the pod is stopped.',
      NO_LESS_THAN_A_MINUTE,
      1,
      3600,
    ),
    ...podValues,
  },
  'publisher: takes the results of builds, signs them and publishes repositories.',
);

export const buildsNamespace = section(
  {
    name: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
      .max(63)
      .default('kopr-builds')
      .describe('Name of the namespace of builder pods. It must hold nothing else.'),
    create: flag('Make the namespace.', true),
    labels: labels('More labels of it.'),
    annotations: labels('Annotations of it.'),
  },
  'Namespace of builder pods.',
);

export const builderPods = section(
  {
    image: image('kopr-builder'),
    hostAliases: z
      .array(
        z.strictObject({
          ip: z.string().describe('Address.'),
          hostnames: z.array(z.string()).min(1).describe('Names that stand for it.'),
        }),
      )
      .default([])
      .describe('Names that builder pods know without DNS, e.g. of a mirror on a node.'),
    placeholders: section(
      {
        create: flag('Make the PriorityClass.', true),
        name: text('Its name; empty: made from the name of the release.'),
        value: whole('Its value. Below that of builder pods, which push placeholders aside.', -10, -1_000_000_000, -1),
      },
      'PriorityClass of the placeholder pods of pools with `pod.warm`. It pushes nothing aside itself.',
    ),
    admissionPolicy: section(
      {
        enabled: flag(
          'Let only unprivileged pods in a user namespace of their own into the namespace of builds. Never switch this off where strangers build.',
          true,
        ),
        capabilities: z
          .array(z.string().regex(/^[A-Z_]+$/))
          .default([
            'CHOWN',
            'DAC_OVERRIDE',
            'FOWNER',
            'FSETID',
            'KILL',
            'SETFCAP',
            'SETGID',
            'SETPCAP',
            'SETUID',
            'SYS_ADMIN',
            'SYS_CHROOT',
          ])
          .describe('Capabilities that a container may add; they hold inside its user namespace only.'),
        runtimeClassNames: z
          .array(z.string())
          .default([])
          .describe('RuntimeClasses that builder pods may use; empty: any.'),
      },
      'ValidatingAdmissionPolicy for the namespace of builds.',
    ),
  },
  'Builder pods.',
);

export const monitoring = section(
  {
    metrics: section(
      {
        enabled: flag(
          'Serve /metrics on port 9090 of every process, to the holder of the token below only; `serviceMonitor.enabled` implies it.',
          false,
        ),
        token: secretRef('token', 'The bearer token for metrics: one word of 16 characters or more.'),
      },
      'Metrics. They tell of all tenants, and builds reach the port where NetworkPolicies are not enforced.',
    ),
    serviceMonitor: section(
      {
        enabled: flag('Make a ServiceMonitor (Prometheus Operator).', false),
        interval: text('How often metrics are read.', '30s'),
        labels: labels('More labels of it, for the selector of Prometheus.'),
      },
      'ServiceMonitor.',
    ),
    prometheusRule: section(
      {
        enabled: flag('Make a PrometheusRule with alerts.', false),
        labels: labels('More labels of it.'),
        extraRules: kubernetesList('More rules.'),
      },
      'PrometheusRule.',
    ),
    dashboard: section(
      {
        enabled: flag('Make a ConfigMap with a dashboard for Grafana: builders, queues and waiting times.', false),
        labels: labels('Its labels, by which Grafana finds it.').default({ grafana_dashboard: '1' }),
      },
      'Dashboard.',
    ),
  },
  'Monitoring.',
);
