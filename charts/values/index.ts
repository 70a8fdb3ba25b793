import { z } from 'zod';
import { builderPoolSpec } from '../../crds/builderpool.ts';
import { buildQuotaSpec } from '../../crds/buildquota.ts';
import { chrootSpec } from '../../crds/chroot.ts';
import { api, externalDatabase, externalRedis, owners, postgresql, redis } from './api.ts';
import { flag, kubernetes, kubernetesList, labels, pullPolicy, secretRef, section, text } from './common.ts';
import { builderPods, buildsNamespace, distgit, keygen, monitoring, operator, publisher } from './components.ts';
import { bootstrap, selftest } from './jobs.ts';
import { httpRoute, ingress, networkPolicy, tls } from './network.ts';
import { resalloc } from './resalloc.ts';
import { url } from './url.ts';

const POOL_RESOURCES = { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '8Gi' } };

/** The values of the chart: values.yaml, its schema and the table in its README are made from this. */
export const chartValues = section(
  {
    nameOverride: text('Replaces the name of the chart in names of objects.'),
    fullnameOverride: text('Replaces the beginning of the names of all objects.'),
    commonLabels: labels('Labels of every object.'),
    clusterDomain: text('DNS domain of the cluster.', 'cluster.local'),
    crds: section(
      {
        enabled: flag('Install and upgrade the CustomResourceDefinitions with the chart.', true),
        keep: flag('Keep them, and so every Project and Build, when the chart is uninstalled.', true),
      },
      'CustomResourceDefinitions.',
    ),
    image: section(
      {
        registry: text('Registry of all images.', 'ghcr.io/kopr-dev'),
        tag: text('Tag of all images; empty: the appVersion of the chart.'),
        pullPolicy,
        pullSecrets: kubernetesList('Secrets for pulling images: `[{name: …}]`.'),
      },
      'What all images of kopr have in common.',
    ),
    logLevel: z
      .enum(['trace', 'debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('Least severe level that is logged.'),
    signDomain: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/)
      .default('kopr.invalid')
      .describe(
        'Domain in the identity of signing keys: OWNER#PROJECT@copr.DOMAIN. Choose it before the first build; it cannot be changed for existing keys.',
      ),
    vendor: z
      .string()
      .max(128)
      .regex(/^[^"\\%\n]*$/)
      .default('kopr')
      .describe('Vendor of all packages.'),
    resultsURL: url(
      'Base URL at which users reach results and repositories, with /results at its end; empty: that of the Ingress or HTTPRoute, else the Service inside the cluster.',
    ),
    frontendURL: url(
      'Base URL of the .repo files (below it: /coprs/OWNER/PROJECT/…) and of the API; empty: that of the Ingress or HTTPRoute, else the origin of `resultsURL` for the files and `api.url` for the API.',
    ),
    podSecurityContext: kubernetes('Security context of every pod of kopr, builder pods excepted.').default({
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    }),
    securityContext: kubernetes('Security context of every container of kopr, builder pods excepted.').default({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    }),
    operator,
    keygen,
    distgit,
    publisher,
    api,
    owners,
    postgresql,
    externalDatabase,
    redis,
    externalRedis,
    resalloc,
    token: secretRef(
      'token.key',
      'The key that bearer tokens between the parts of kopr are signed with, 32 bytes or more.',
    ),
    uploadKey: secretRef(
      'upload.key',
      'The key that the API signs permissions to upload with, for the publisher; 32 bytes or more.',
    ),
    tls,
    buildsNamespace,
    builderPods,
    pools: z
      .array(
        builderPoolSpec.extend({
          name: z
            .string()
            .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
            .describe('Name of the BuilderPool.'),
        }),
      )
      .prefault([{ name: 'default', architectures: ['x86_64', 'i386'], max: 4, pod: { resources: POOL_RESOURCES } }])
      .describe('BuilderPools: a name and the fields of BuilderPool.spec (docs/reference/builderpool.md).'),
    chroots: z
      .array(chrootSpec)
      .default([])
      .describe('Chroots: each the fields of Chroot.spec (docs/reference/chroot.md).'),
    defaultQuota: buildQuotaSpec
      .partial()
      .default({})
      .describe('Fields of BuildQuota.spec for owners without a quota of their own; empty: no limits.'),
    rbac: section(
      {
        aggregateRoles: flag('Let the roles view, edit and admin of namespaces include the resources of kopr.', true),
        publicChroots: flag('Let everybody who has logged in read Chroots, which are cluster-wide.', true),
      },
      'Rights of users.',
    ),
    networkPolicy,
    ingress,
    httpRoute,
    monitoring,
    bootstrap,
    selftest,
    global: z.record(z.string(), z.unknown()).default({}).describe('Values that parent charts share; kopr uses none.'),
  },
  'Values of the chart kopr.',
);
