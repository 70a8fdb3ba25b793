import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, BUILDS_NAMESPACE, build, cluster, freshNamespace, kubectl, link, project } from './harness.ts';

const NS = 'e2e-refusals';

describe('the API server', () => {
  beforeAll(async () => {
    await freshNamespace(NS);
    await apply(project(NS, 'p'), build(NS, 'good', 'p', { ...link('hello-2.12-1.src.rpm'), cancelled: true }));
  }, 240_000);
  afterAll(() => kubectl('delete', 'namespace', NS, '--wait=false'));

  it.each([
    { title: 'a Build without a source', object: build(NS, 'b', 'p', {}), says: 'exactly one of source and package' },
    {
      title: 'a source with two methods',
      object: build(NS, 'b', 'p', {
        source: { link: { url: 'http://a.example/b.src.rpm' }, git: { url: 'http://a.example/b.git' } },
      }),
      says: 'set one of link, git and upload',
    },
    {
      title: 'a link that is no URL',
      object: build(NS, 'b', 'p', { source: { link: { url: 'ftp://a' } } }),
      says: 'source.link.url',
    },
    {
      title: 'a subdirectory that leaves the repository',
      object: build(NS, 'b', 'p', { source: { git: { url: 'http://a.example/b.git', subdirectory: 'a/../../b' } } }),
      says: 'must stay inside the repository',
    },
    { title: 'a Project without chroots', object: project(NS, 'q', { chroots: [] }), says: 'spec.chroots' },
    {
      title: 'another source for an existing Build',
      object: build(NS, 'good', 'p', { ...link('other-1-1.src.rpm'), cancelled: true }),
      says: 'cannot be changed',
    },
    {
      title: 'taking back a cancellation',
      object: build(NS, 'good', 'p', link('hello-2.12-1.src.rpm')),
      says: 'stays cancelled',
    },
  ])('refuses $title in words', async ({ object, says }) => {
    await expect(apply(object)).rejects.toThrow(says);
  });

  const PLAIN = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

  /** A pod that the builds namespace takes, with one thing changed. */
  const pod = (spec: object, container: object = {}): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'intruder', namespace: BUILDS_NAMESPACE },
    spec: {
      hostUsers: false,
      automountServiceAccountToken: false,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'c', image: 'localhost/x', securityContext: PLAIN, ...container }],
      ...spec,
    },
  });

  it('lets a pod into the builds namespace that keeps its rules', async () => {
    const answer = await (await cluster()).kubectl(['apply', '--dry-run=server', '-f', '-'], JSON.stringify(pod({})));
    expect(answer).toContain('pod/intruder created (server dry run)');
  });

  it.each([
    {
      title: 'a privileged pod',
      object: pod({}, { securityContext: { capabilities: { drop: ['ALL'] }, privileged: true } }),
      // By the policy, or by an API server that allows it nowhere.
      says: /no container of a builder pod may be privileged|must not gain privileges|privileged: Forbidden/,
    },
    {
      title: 'a pod with a capability of its own choice',
      object: pod({}, { securityContext: { ...PLAIN, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } } }),
      says: 'may add these capabilities only',
    },
    {
      title: 'a pod that may gain privileges',
      object: pod({}, { securityContext: { ...PLAIN, allowPrivilegeEscalation: true } }),
      says: 'must not gain privileges',
    },
    {
      title: 'a pod with the capabilities of its runtime',
      object: pod({}, { securityContext: { allowPrivilegeEscalation: false } }),
      says: 'must give up the capabilities of its runtime',
    },
    {
      title: "a pod in the host's user namespace",
      object: pod({ hostUsers: true }),
      says: 'needs a user namespace of its own',
    },
    {
      title: 'a pod with a service account token',
      object: pod({ automountServiceAccountToken: true }),
      says: 'must not hold a token for the API server',
    },
    {
      title: 'a pod with a directory of the host',
      object: pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
      says: 'emptyDir and secret only',
    },
    {
      title: 'a pod without seccomp',
      object: pod({ securityContext: {} }),
      says: 'needs a seccomp profile',
    },
  ])('keeps $title out of the builds namespace', async ({ object, says }) => {
    await expect(apply(object)).rejects.toThrow(says);
  });
});
