import { z } from 'zod';
import {
  flag,
  image,
  labels,
  nodePort,
  persistence,
  podValues,
  resources,
  section,
  serviceAccount,
  serviceType,
  text,
  whole,
} from './common.ts';
import { url } from './url.ts';

const port = (value: number): z.ZodType => whole('Its port, for the NetworkPolicies.', value, 1, 65_535);
const cidrs = z
  .array(z.string())
  .default([])
  .describe('Its addresses, for the NetworkPolicies; empty: any address on its port.');

export const api = section(
  {
    enabled: flag(
      'Run the REST API that copr-cli and dnf use, and what it needs. Without it kopr is used by kubectl alone, and no history is kept of Builds that have left the cluster.',
      true,
    ),
    replicas: whole('Replicas. Each does the same; one of them records the history.', 2, 0, 20),
    image: image('kopr-api'),
    resources: resources({ cpu: '50m', memory: '128Mi' }, { memory: '1Gi' }),
    serviceAccount,
    podDisruptionBudget: section(
      {
        enabled: flag('Make a PodDisruptionBudget when there is more than one replica.', true),
        minAvailable: whole('Replicas that must stay.', 1, 0, 20),
      },
      'PodDisruptionBudget.',
    ),
    url: url(
      'Base URL at which users reach the API; empty: `frontendURL`, else that of the Ingress or HTTPRoute, else the Service inside the cluster.',
    ),
    resultsURL: url(
      'Base URL of results as users of the API reach it, where that is another one than pods of the cluster use; empty: `resultsURL`.',
    ),
    service: section(
      {
        type: serviceType.describe('Type of the Service of the API (port 5000).'),
        nodePort,
        annotations: labels('Its annotations.'),
      },
      'Service of the API.',
    ),
    maxUploadBytes: whole(
      'Largest source package that a user may upload, in bytes.',
      4_294_967_296,
      1,
      1_099_511_627_776,
    ),
    tokenDays: whole('Days for which a new API token is good.', 180, 1, 3650),
    ...podValues,
  },
  'The REST API: the projects, builds and packages of the cluster as copr-cli and dnf know them.',
);

export const owners = section(
  {
    template: z
      .array(z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata: z.looseObject({ name: z.string() }) }))
      .default([
        {
          apiVersion: 'v1',
          kind: 'ResourceQuota',
          metadata: { name: 'kopr-owner' },
          spec: {
            hard: {
              'count/projects.kopr.dev': '1000',
              'count/packages.kopr.dev': '20000',
              'count/builds.kopr.dev': '5000',
              'count/chrootbuilds.kopr.dev': '50000',
              pods: '10',
            },
          },
        },
        {
          apiVersion: 'v1',
          kind: 'LimitRange',
          metadata: { name: 'kopr-owner' },
          spec: {
            limits: [
              {
                type: 'Container',
                default: { cpu: '1', memory: '512Mi' },
                defaultRequest: { cpu: '50m', memory: '64Mi' },
              },
            ],
          },
        },
        {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: 'kopr-owner-deny-all' },
          spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
        },
        {
          apiVersion: 'kopr.dev/v1alpha1',
          kind: 'BuildQuota',
          metadata: { name: 'default' },
          spec: { maxRunning: 20, maxRunningPerSandbox: 10 },
        },
      ])
      .describe(
        'Objects that the namespace of each new owner gets: of the kinds ResourceQuota, LimitRange, NetworkPolicy and BuildQuota. No builds run there.',
      ),
  },
  'Owners that the API makes: a namespace for each user and group.',
);

export const postgresql = section(
  {
    enabled: flag('Run a small PostgreSQL for the API; without it `externalDatabase` is needed.', true),
    image: image('kopr-postgres'),
    resources: resources({ cpu: '50m', memory: '192Mi' }, { memory: '1Gi' }),
    persistence: persistence('10Gi'),
    existingSecret: text(
      'Name of a Secret with the keys `password` and `url` (`postgresql://kopr:PASSWORD@HOST:5432/kopr`); empty: one with a random password is made once and kept.',
    ),
    parameters: z
      .record(z.string().regex(/^[a-z_.]+$/), z.union([z.string(), z.number(), z.boolean()]))
      .default({
        shared_buffers: '128MB',
        effective_cache_size: '384MB',
        work_mem: '8MB',
        maintenance_work_mem: '64MB',
        max_connections: 100,
        max_wal_size: '512MB',
        random_page_cost: 1.1,
        jit: 'off',
      })
      .describe('Parameters of the server, as in postgresql.conf.'),
    ...podValues,
  },
  'PostgreSQL: users, tokens and the history of builds.',
);

export const externalDatabase = section(
  {
    existingSecret: text('Name of a Secret with the URL of the database; set `postgresql.enabled` to false then.'),
    key: text('Key in that Secret: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`.', 'url'),
    port: port(5432),
    cidrs,
  },
  'A PostgreSQL that exists already (15 or newer), with a database that the user owns.',
);

export const redis = section(
  {
    enabled: flag(
      'Run a small Redis for the API, which live logs come through; without it and `externalRedis` they are read from the results, a little later.',
      true,
    ),
    image: image('kopr-redis'),
    resources: resources({ cpu: '10m', memory: '32Mi' }, { memory: '192Mi' }),
    existingSecret: text(
      'Name of a Secret with the keys `password` and `url` (`redis://kopr:PASSWORD@HOST:6379`); empty: one with a random password is made once and kept.',
    ),
    maxMemory: z
      .string()
      .regex(/^[0-9]+(kb|mb|gb)$/)
      .default('64mb')
      .describe('Memory for data; the oldest goes when it is full.'),
    ...podValues,
  },
  'Redis: live logs on their way from builds to readers. It keeps nothing.',
);

export const externalRedis = section(
  {
    existingSecret: text('Name of a Secret with the URL of a Redis; set `redis.enabled` to false then.'),
    key: text('Key in that Secret: `redis://USER:PASSWORD@HOST:PORT` or `rediss://…`.', 'url'),
    port: port(6379),
    cidrs,
  },
  'A Redis that exists already.',
);
