import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastLine, ROOT, run } from '../../deploy/run.ts';
import { apply, build, freshNamespace, kubectl, project, results, succeeded, waitComplete } from './harness.ts';

const NS = 'e2e-link';
const CHROOT = 'pebble-13-x86_64';
const SCRIPT = join(ROOT, 'cluster', 'cluster.sh');
const FILE = 'hello-2.12-1.src.rpm';

describe('what kopr has in common with the machine outside', () => {
  const server = createServer((request, response) => {
    if (request.url !== `/${FILE}`) {
      response.writeHead(404).end();
      return;
    }
    source.then(
      (bytes) => response.end(bytes),
      () => response.writeHead(500).end(),
    );
  });
  /** The same bytes that the web server of the test distribution has. */
  let source: Promise<Buffer> = Promise.reject(new Error('nothing is served yet'));
  source.catch(() => undefined);
  let url = `http://files.example/${FILE}`;
  let embedded = false;

  beforeAll(async () => {
    embedded = lastLine(await run(SCRIPT, ['which'])) === 'embedded';
    await freshNamespace(NS);
    // Other clusters may have no way from a pod to this machine: there the web server is a pod.
    if (embedded) {
      const address = lastLine(await run(SCRIPT, ['node-address']));
      const ip = await kubectl('-n', 'kopr-test', 'get', 'service', 'files', '-o', 'jsonpath={.spec.clusterIP}');
      source = fetch(`http://${ip}/${FILE}`).then(async (answer) => Buffer.from(await answer.arrayBuffer()));
      await new Promise<void>((resolve) => server.listen(0, address, resolve));
      const bound = server.address();
      if (bound === null || typeof bound === 'string') throw new Error('the web server of this test has no port');
      url = `http://${address}:${bound.port}/${FILE}`;
    }
    await apply(project(NS, 'p', { chroots: [CHROOT] }), build(NS, 'hello', 'p', { source: { link: { url } } }));
    await waitComplete(NS, 'hello', 300);
  }, 600_000);
  afterAll(async () => {
    server.close();
    await kubectl('delete', 'namespace', NS, '--wait=false');
  });

  it('lets a build fetch a link from a web server on the address of the node', async () => {
    const ended = await waitComplete(NS, 'hello', 10);
    expect(succeeded(ended)).toMatchObject({ status: 'True' });
    expect(ended.status.package).toBe('hello');
  });

  it('serves the results where `make -s results-url` says', async () => {
    const path = `${NS}/p/${CHROOT}/repodata/repomd.xml`;
    if (!embedded) {
      expect(await results(`results/${path}`)).toContain('<repomd');
      return;
    }
    const base = lastLine(await run('make', ['-s', 'results-url']));
    expect(base).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/results$/);
    expect(await (await fetch(`${base}/${path}`)).text()).toContain('<repomd');
  });
});
