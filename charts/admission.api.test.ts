import { describe, expect, it } from 'vitest';
import { builderPod } from '../controllers/builder/pod.ts';
import type { Json, TestApi } from '../crds/testing/api.ts';
import { BUILDS, COPIES, copyOf, useAdmissionApi } from './testing/admission-api.ts';
import type { Change } from './testing/builder-pods.ts';
import { adding, beside, container, PLAIN, pod, withVolume } from './testing/builder-pods.ts';
import { INSTALLATION, worldOf } from './testing/builder-world.ts';
import { machinePods } from './testing/machine-pods.ts';

let api: TestApi;

useAdmissionApi((fresh) => {
  api = fresh;
});

const GAINS = /must not gain privileges; set securityContext\.allowPrivilegeEscalation to false/;
const KEEPS = /must give up the capabilities of its runtime; set securityContext\.capabilities\.drop to ALL/;
const ADDS = /init container or ephemeral container of a builder pod must not add capabilities/;
const PRIVILEGED = /no container of a builder pod may be privileged/;

describe('the namespace of builds', () => {
  it.each<[string, Json, RegExp]>([
    [
      'without hostUsers',
      pod({ hostUsers: undefined }),
      /needs a user namespace of its own; set spec\.hostUsers to false/,
    ],
    ['in the user namespace of its node', pod({ hostUsers: true }), /needs a user namespace of its own/],
    ['whose containers see each other', pod({ shareProcessNamespace: true }), /leave out shareProcessNamespace/],
    [
      'that says nothing of its token',
      pod({ automountServiceAccountToken: undefined }),
      /must not hold a token for the API server/,
    ],
    ['with a token', pod({ automountServiceAccountToken: true }), /must not hold a token/],
    ['with another service account', pod({ serviceAccountName: 'admin' }), /has no service account of its own/],
    [
      'with a directory of its node',
      withVolume({ hostPath: { path: '/' } }),
      /volumes of the types emptyDir and secret only/,
    ],
    [
      'with a projected token',
      pod({
        serviceAccountName: 'default',
        volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
      }),
      /emptyDir and secret only/,
    ],
    [
      'with somebody’s volume',
      withVolume({ persistentVolumeClaim: { claimName: 'results' } }),
      /emptyDir and secret only/,
    ],
    ['with a network volume', withVolume({ nfs: { server: 'nas', path: '/' } }), /emptyDir and secret only/],
    ['with a volume of a driver', withVolume({ csi: { driver: 'secrets-store' } }), /emptyDir and secret only/],
    ['with a volume from an image', withVolume({ image: { reference: 'a' } }), /emptyDir and secret only/],
    [
      'with a capability too many',
      container(adding('NET_ADMIN')),
      /may add these capabilities only: CHOWN, DAC_OVERRIDE/,
    ],
    ['with all capabilities', container(adding('ALL')), /may add these capabilities only/],
    ['without seccomp', pod({ securityContext: undefined }), /needs a seccomp profile/],
    [
      'with seccomp switched off',
      pod({ securityContext: { seccompProfile: { type: 'Unconfined' } } }),
      /needs a seccomp profile/,
    ],
    [
      'with seccomp switched off in a container',
      container({ seccompProfile: { type: 'Unconfined' } }),
      /needs a seccomp profile/,
    ],
    [
      'with AppArmor switched off',
      pod({ securityContext: { seccompProfile: { type: 'RuntimeDefault' }, appArmorProfile: { type: 'Unconfined' } } }),
      /AppArmor must not be switched off/,
    ],
    [
      'with AppArmor switched off in a container',
      container({ appArmorProfile: { type: 'Unconfined' } }),
      /AppArmor must not/,
    ],
    [
      'with sysctls',
      pod({
        securityContext: {
          seccompProfile: { type: 'RuntimeDefault' },
          sysctls: [{ name: 'kernel.msgmax', value: '1' }],
        },
      }),
      /must not choose SELinux labels, Windows options or sysctls/,
    ],
    ['with SELinux labels', container({ seLinuxOptions: { type: 'spc_t' } }), /must not choose SELinux labels/],
    ['with all of /proc', container({ procMount: 'Unmasked' }), /\/proc of a builder pod must stay masked/],
    [
      'with a port of its node',
      container({}, { ports: [{ containerPort: 80, hostPort: 80 }] }),
      /must not take a port or a device/,
    ],
    [
      'with a device',
      pod({ resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] }),
      /must not take a port or a device/,
    ],
    ['that may gain privileges', container({ allowPrivilegeEscalation: true }), GAINS],
    ['that does not say whether it may gain privileges', container({ allowPrivilegeEscalation: undefined }), GAINS],
    ['without security contexts of its containers', pod({ containers: [{ name: 'a', image: 'a' }] }), GAINS],
    ['with the capabilities of its runtime', container({ capabilities: undefined }), KEEPS],
    ['with some capabilities of its runtime', container({ capabilities: { drop: ['NET_RAW'] } }), KEEPS],
    ['that drops nothing before it adds', container({ capabilities: { add: ['CHOWN'] } }), KEEPS],
    ['whose sidecar may gain privileges', beside({ capabilities: { drop: ['ALL'] } }), GAINS],
    ['whose sidecar has the capabilities of its runtime', beside({ allowPrivilegeEscalation: false }), KEEPS],
    ['whose sidecar has no security context', beside(undefined), GAINS],
    ['whose sidecar adds a capability too many', beside(adding('NET_RAW')), ADDS],
    ['whose sidecar adds a capability of builds', beside(adding('SYS_ADMIN')), ADDS],
  ])('does not take a pod %s', async (_, manifest, message) => {
    const answer = await api.call('POST', `${BUILDS}?dryRun=All&fieldValidation=Strict`, manifest);
    expect(answer.body.message).toMatch(message);
    expect(answer.status).toBe(422);
  });

  it.each<[string, Json, RegExp]>([
    [
      'in the network of its node',
      pod({ hostNetwork: true }),
      /must not use the network, the processes or the IPC of its node/,
    ],
    ['with the processes of its node', pod({ hostPID: true }), /must not use the network/],
    ['with the IPC of its node', pod({ hostIPC: true }), /must not use the network/],
    ['that is privileged', container({ privileged: true }), PRIVILEGED],
    [
      'whose init container is privileged',
      pod({ initContainers: [{ name: 'a', securityContext: { ...PLAIN, privileged: true } }] }),
      PRIVILEGED,
    ],
    [
      'whose ephemeral container is privileged',
      pod({ ephemeralContainers: [{ name: 'a', securityContext: { ...PLAIN, privileged: true } }] }),
      PRIVILEGED,
    ],
    ['of Windows', container({ windowsOptions: { hostProcess: true } }), /Windows options/],
  ])('would not take a pod %s, even where the cluster would', async (_, manifest, message) => {
    const answer = await api.call('POST', `${COPIES}?dryRun=All`, copyOf(manifest));
    expect(answer.body.message).toMatch(message);
    expect(answer.status).toBe(422);
  });

  it('has the same policy for copies of pods as for pods', async () => {
    await api.ok('POST', `${COPIES}?dryRun=All`, copyOf(pod()));
  });

  it.each<[string, Json]>([
    ['as a build of kopr needs it', pod()],
    [
      'without volumes and capabilities',
      pod({ volumes: undefined, containers: [{ name: 'a', image: 'a', securityContext: PLAIN }] }),
    ],
    [
      'with seccomp given for its container alone',
      {
        ...pod({
          securityContext: undefined,
          containers: [
            { name: 'a', image: 'a', securityContext: { ...PLAIN, seccompProfile: { type: 'RuntimeDefault' } } },
          ],
        }),
      },
    ],
    ['with the default service account, named', pod({ serviceAccountName: 'default' })],
  ])('takes a pod %s', async (_, manifest) => {
    const answer = await api.call('POST', `${BUILDS}?dryRun=All&fieldValidation=Strict`, manifest);
    expect(answer.body.message).toBeUndefined();
  });

  it.each(['source', 'binary'] as const)('takes the pod that the operator makes for a %s stage', async (stage) => {
    const made = builderPod(worldOf(stage), stage === 'binary' ? 'distribution:1' : undefined, INSTALLATION);
    const answer = await api.call('POST', `${BUILDS}?dryRun=All&fieldValidation=Strict`, made);
    expect(answer.body.message).toBeUndefined();
  });

  it.each(['driver', 'hook', 'probe', 'placeholder'] as const)('takes the pod of a %s', async (what) => {
    const answer = await api.call('POST', `${BUILDS}?dryRun=All&fieldValidation=Strict`, machinePods()[what]);
    expect(answer.body.message).toBeUndefined();
  });

  it('takes no hook that would act as the operator', async () => {
    const { hook } = machinePods();
    for (const change of [{ serviceAccountName: 'kopr-operator' }, { automountServiceAccountToken: true }]) {
      const manifest = { ...hook, spec: { ...(hook.spec as Json), ...change } };
      const { status, body } = await api.call('POST', `${BUILDS}?dryRun=All`, manifest);
      expect(body.message).toMatch(/has no service account of its own|must not hold a token/);
      expect(status).toBe(422);
    }
  });

  it('takes no ephemeral container that a pod could not have had', async () => {
    await api.ok('POST', BUILDS, pod());
    const path = `${BUILDS}/builder/ephemeralcontainers`;
    const debug = (securityContext: Change): Json => ({
      spec: { ephemeralContainers: [{ name: 'debug', image: 'a', securityContext }] },
    });
    const patch = 'application/strategic-merge-patch+json';
    for (const [securityContext, message] of [
      [adding('SYS_PTRACE'), /may add these capabilities only|must not add capabilities/],
      [adding('CHOWN'), ADDS],
      [{ capabilities: { drop: ['ALL'] } }, GAINS],
      [{ allowPrivilegeEscalation: false }, KEEPS],
    ] as const) {
      const answer = await api.call('PATCH', path, debug(securityContext), patch);
      expect(answer.body.message).toMatch(message);
    }
    await api.ok('PATCH', path, debug(PLAIN), patch);
  });

  it('lets a pod be labelled and deleted, whatever it is', async () => {
    await api.ok('PATCH', `${BUILDS}/builder`, { metadata: { labels: { a: 'b' } } }, 'application/merge-patch+json');
    await api.ok('DELETE', `${BUILDS}/builder?gracePeriodSeconds=0`);
  });
});

describe('other namespaces', () => {
  it('take what they took before', async () => {
    const manifest = pod({
      hostUsers: true,
      hostNetwork: true,
      automountServiceAccountToken: true,
      volumes: [{ name: 'a', hostPath: { path: '/' } }],
    });
    await api.ok('POST', '/api/v1/namespaces/elsewhere/pods?dryRun=All', manifest);
  });
});
