import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPackages } from '../../../lib/rpm/testing/build.ts';
import { TestClient } from './client.ts';
import { createWorld, type Publisher, startNginx, startPublisher, type World } from './processes.ts';

export const CHROOT = 'pebble-13-x86_64';

/** Keygen, publisher and web server as they run in a cluster, and packages to publish. */
export interface Site {
  world: World;
  publisher: Publisher;
  client: TestClient;
  /** Of the web server, such as `http://127.0.0.1:1234`. */
  base: string;
  /** Source package, hello and hello-doc 1:2.12-1. */
  packages: string[];
  resultPath(...parts: string[]): string;
  end(): Promise<void>;
}

export async function createSite(): Promise<Site> {
  const world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-site-')));
  const nginx = await startNginx(world.directory, world.data);
  const base = `http://127.0.0.1:${nginx.port}`;
  const publisher = await startPublisher(world, { KOPR_RESULTS_URL: `${base}/results` });
  const packages = await buildPackages(join(world.directory, 'built'), {
    name: 'hello',
    epoch: 1,
    version: '2.12',
    arch: 'x86_64',
    subpackages: ['doc'],
  });
  return {
    world,
    publisher,
    client: new TestClient(world.tokenKey, publisher.ports.http),
    base,
    packages,
    resultPath: (...parts) => join(world.data, 'results', ...parts),
    async end() {
      await publisher.end('SIGKILL');
      await nginx.end('SIGTERM');
      await world.keygen.end('SIGKILL');
      await rm(world.directory, { recursive: true, force: true });
    },
  };
}

/** What the web server shows of a directory. */
export async function visibleNames(path: string): Promise<string[]> {
  return (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
}
