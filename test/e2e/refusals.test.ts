import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, BUILDS_NAMESPACE, build, freshNamespace, kubectl, link, project } from './harness.ts';

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
      says: 'set either link or git',
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

  const pod = (spec: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'intruder', namespace: BUILDS_NAMESPACE },
    spec: {
      hostUsers: false,
      automountServiceAccountToken: false,
      containers: [{ name: 'c', image: 'localhost/x', ...spec }],
    },
  });

  it.each([
    { title: 'a privileged pod', object: pod({ securityContext: { privileged: true } }) },
    {
      title: 'a pod with a capability of its own choice',
      object: pod({ securityContext: { capabilities: { add: ['NET_ADMIN'] } } }),
    },
    {
      title: "a pod in the host's user namespace",
      object: {
        ...pod({}),
        spec: { automountServiceAccountToken: false, containers: [{ name: 'c', image: 'localhost/x' }] },
      },
    },
    {
      title: 'a pod with a service account token',
      object: {
        ...pod({}),
        spec: {
          hostUsers: false,
          automountServiceAccountToken: true,
          containers: [{ name: 'c', image: 'localhost/x' }],
        },
      },
    },
    {
      title: 'a pod with a directory of the host',
      object: {
        ...pod({}),
        spec: {
          hostUsers: false,
          automountServiceAccountToken: false,
          containers: [{ name: 'c', image: 'localhost/x' }],
          volumes: [{ name: 'v', hostPath: { path: '/' } }],
        },
      },
    },
  ])('keeps $title out of the builds namespace', async ({ object }) => {
    await expect(apply(object)).rejects.toThrow(/denied|forbidden|violates/i);
  });
});
