import { beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from './api.ts';
import type { Selftest } from './selftest.ts';
import { selftest } from './selftest.ts';

const PROJECT = '/apis/kopr.dev/v1alpha1/namespaces/kopr-system/projects/kopr-selftest';
const PUBLIC = 'https://rpms.example/results';
const INSIDE = 'http://kopr-results.kopr-system.svc:5002/results';

/** A cluster of one Project, whose operator needs `readyAfter` looks at it, and of the files in `files`. */
class FakeCluster {
  project: object | undefined;
  chroots: object[] = [{ spec: { name: 'old-1-x86_64', state: 'EndOfLife' } }, { spec: { name: 'new-2-x86_64' } }];
  readyAfter = 2;
  looks = 0;
  finalizing = 0;
  files = new Map([
    [`${INSIDE}/kopr-system/kopr-selftest/new-2-x86_64/repodata/repomd.xml`, '<?xml?><repomd>'],
    [`${INSIDE}/kopr-system/kopr-selftest/new-2-x86_64/repodata/repomd.xml.asc`, '-----BEGIN PGP SIGNATURE-----'],
    [`${INSIDE}/kopr-system/kopr-selftest/pubkey.gpg`, '-----BEGIN PGP PUBLIC KEY BLOCK-----'],
  ]);

  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Answer {
    if (path.endsWith('/chroots')) return { status: 200, body: { items: this.chroots } };
    if (method === 'POST') {
      if (this.project) return { status: 409, body: { message: 'already exists' } };
      this.project = body as object;
      return { status: 201, body };
    }
    if (path !== PROJECT || !this.project) return { status: 404, body: {} };
    if (method === 'DELETE') {
      this.finalizing = 3;
      return { status: 200, body: {} };
    }
    if (this.finalizing > 0) {
      this.finalizing -= 1;
      if (this.finalizing === 0) this.project = undefined;
      return { status: 200, body: {} };
    }
    this.looks += 1;
    return { status: 200, body: { ...this.project, status: this.status() } };
  }

  private status(): object {
    const ready = this.looks > this.readyAfter;
    return {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', message: 'keygen does not answer' }],
      ...(ready
        ? {
            publicKeyURL: `${PUBLIC}/kopr-system/kopr-selftest/pubkey.gpg`,
            chroots: [
              { name: 'new-2-x86_64', repoURL: `${PUBLIC}/kopr-system/kopr-selftest/new-2-x86_64/`, repoFileURL: '' },
            ],
          }
        : {}),
    };
  }
}

describe('selftest', () => {
  let cluster: FakeCluster;
  let now = 0;
  let said: string[] = [];
  let test: Selftest;

  beforeEach(() => {
    cluster = new FakeCluster();
    now = 0;
    said = [];
    test = {
      api: { call: (method, path, body) => Promise.resolve(cluster.call(method, path, body)) },
      fetch: (url) => {
        const text = cluster.files.get(url);
        return text === undefined ? Promise.reject(new Error(`${url} answers 404`)) : Promise.resolve(text);
      },
      wait: (ms) => {
        now += ms;
        return Promise.resolve();
      },
      elapsed: () => now,
      say: (line) => said.push(line),
      namespace: 'kopr-system',
      resultsURL: PUBLIC,
      internalURL: INSIDE,
      timeoutMs: 60_000,
    };
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
    expect(now).toBeLessThan(130_000);
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
