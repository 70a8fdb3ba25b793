import type { Answer } from '../api.ts';
import type { Selftest } from '../selftest.ts';

const PROJECT = '/apis/kopr.dev/v1alpha1/namespaces/kopr-system/projects/kopr-selftest';
const PUBLIC = 'https://rpms.example/results';
export const INSIDE = 'http://kopr-results.kopr-system.svc:5002/results';

/**
 * A cluster of one Project, whose operator needs `readyAfter` looks at it, of one Build that has the states `build`, one
 * a look, and of the files in `files`.
 */
export class FakeCluster {
  project: object | undefined;
  chroots: object[] = [{ spec: { name: 'old-1-x86_64', state: 'EndOfLife' } }, { spec: { name: 'new-2-x86_64' } }];
  readyAfter = 2;
  looks = 0;
  finalizing = 0;
  builds: { metadata: { name: string }; spec: object }[] = [];
  build: object[] = [];
  /** Specs of all Builds that were made. */
  ordered: object[] = [];
  now = 0;
  files = new Map<string, string | Buffer>([
    [`${INSIDE}/kopr-system/kopr-selftest/new-2-x86_64/repodata/repomd.xml`, '<?xml?><repomd>'],
    [`${INSIDE}/kopr-system/kopr-selftest/new-2-x86_64/repodata/repomd.xml.asc`, '-----BEGIN PGP SIGNATURE-----'],
    [`${INSIDE}/kopr-system/kopr-selftest/pubkey.gpg`, '-----BEGIN PGP PUBLIC KEY BLOCK-----'],
  ]);

  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Answer {
    if (path.endsWith('/chroots')) return { status: 200, body: { items: this.chroots } };
    if (path.includes('/builds')) return this.callBuilds(method, path, body);
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
      if (this.finalizing === 0) {
        this.project = undefined;
        this.builds = [];
      }
      return { status: 200, body: {} };
    }
    this.looks += 1;
    return { status: 200, body: { ...this.project, status: this.status() } };
  }

  /** What a test that runs here is given; `said` gets its lines. */
  test(said: string[]): Selftest {
    return {
      api: { call: (method, path, body) => Promise.resolve(this.call(method, path, body)) },
      fetch: (url) => this.read(url),
      exists: async (url) => {
        await this.read(url);
      },
      wait: (ms) => {
        this.now += ms;
        return Promise.resolve();
      },
      elapsed: () => this.now,
      say: (line) => said.push(line),
      namespace: 'kopr-system',
      resultsURL: PUBLIC,
      internalURL: INSIDE,
      timeoutMs: 60_000,
      order: undefined,
    };
  }

  private read(url: string): Promise<Buffer> {
    const content = this.files.get(url);
    return content === undefined
      ? Promise.reject(new Error(`${url} answers 404`))
      : Promise.resolve(Buffer.from(content as string));
  }

  private callBuilds(method: string, path: string, body: unknown): Answer {
    if (method === 'POST') {
      const build = body as FakeCluster['builds'][0];
      this.builds.push(build);
      this.ordered.push(build.spec);
      return { status: 201, body };
    }
    const found = this.builds.find(({ metadata }) => path.endsWith(`/builds/${metadata.name}`));
    if (!found) return { status: 404, body: {} };
    const status = this.build.length > 1 ? this.build.shift() : this.build[0];
    return { status: 200, body: { ...found, status } };
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
