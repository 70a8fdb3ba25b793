import { beforeEach, describe, expect, it } from 'vitest';
import type { Selftest } from './selftest.ts';
import { selftest } from './selftest.ts';
import { FakeCluster } from './testing/fake-cluster.ts';

describe('selftest', () => {
  let cluster: FakeCluster;
  let said: string[] = [];
  let test: Selftest;

  beforeEach(() => {
    cluster = new FakeCluster();
    said = [];
    test = cluster.test(said);
  });

  it('makes a Project for the first active chroot, checks its repository, and removes it', async () => {
    await selftest(test);
    expect(said[0]).toBe('creating the Project kopr-selftest for new-2-x86_64');
    expect(said.at(-1)).toBe('everything works');
    expect(cluster.project).toBeUndefined();
  });

  it('first removes what a killed run has left', async () => {
    cluster.project = { metadata: { name: 'kopr-selftest' } };
    await selftest(test);
    expect(said[0]).toBe('removing the Project kopr-selftest');
  });

  it('says what the Project waits for when it does not become ready, and removes it all the same', async () => {
    cluster.readyAfter = Number.POSITIVE_INFINITY;
    await expect(selftest(test)).rejects.toThrow('the Project is not ready after 60 s: keygen does not answer');
    expect(cluster.project).toBeUndefined();
    expect(cluster.now).toBeLessThan(130_000);
  });

  it.each([
    ['repodata/repomd.xml', 'new-2-x86_64/repodata/repomd.xml answers 404'],
    ['repodata/repomd.xml.asc', 'repomd.xml.asc answers 404'],
    ['pubkey.gpg', 'pubkey.gpg answers 404'],
  ])('fails when %s is missing', async (name, message) => {
    for (const url of cluster.files.keys()) if (url.endsWith(name)) cluster.files.delete(url);
    await expect(selftest(test)).rejects.toThrow(message);
    expect(cluster.project).toBeUndefined();
  });

  it('fails when a file holds something else', async () => {
    for (const url of cluster.files.keys()) cluster.files.set(url, '<html>welcome');
    await expect(selftest(test)).rejects.toThrow('does not hold "<repomd"');
  });

  it('says what to do when there is no chroot', async () => {
    cluster.chroots = [];
    await expect(selftest(test)).rejects.toThrow('there is no active Chroot');
  });

  it('says so when the Project cannot be removed', async () => {
    const call = cluster.call.bind(cluster);
    cluster.call = (method, path, body) =>
      method === 'DELETE' && cluster.project ? { status: 200, body: {} } : call(method, path, body);
    await expect(selftest(test)).rejects.toThrow('the Project kopr-selftest is not gone 60 s after its deletion');
  });

  it('shows what the API server answers when it refuses', async () => {
    const call = cluster.call.bind(cluster);
    cluster.call = (method, path, body) =>
      method === 'POST' ? { status: 403, body: { message: 'not you' } } : call(method, path, body);
    await expect(selftest(test)).rejects.toThrow(/^POST .*\/projects: 403 not you$/);
  });
});
