import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { TaskRepo } from '../../lib/protocol/task.ts';
import type { Chroot } from './chroot.ts';
import { openChroot } from './chroot.ts';
import { temporaryDirectory, tool } from './context.ts';
import type { BuildOptions, EngineBuild } from './engine-build.ts';
import { buildFixture } from './engine-build.ts';
import type { WebServer } from './web-server.ts';
import { serveFiles, startWebServer } from './web-server.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', 'test', 'fixtures', 'build.ts');

/** Fixtures, a chroot of the test distribution, and a web server for a project's repository; everything a test of the engine needs. */
export interface Workshop {
  scratch: string;
  chroot: Chroot;
  project: WebServer;
  /** Builds a fixture; what it has left is removed by `sweep`. */
  build(name: string, options?: BuildOptions & { in?: Chroot }): Promise<EngineBuild>;
  /** Makes the packages of a build the project's own repository. */
  publish(built: EngineBuild): Promise<TaskRepo>;
  sweep(): Promise<void>;
  close(): Promise<void>;
}

export async function openWorkshop(): Promise<Workshop> {
  const directory = await temporaryDirectory();
  const scratch = directory.path;
  const repo = join(scratch, 'repo');
  await tool(scratch, process.execPath, FIXTURES, join(scratch, 'fixtures'));
  await mkdir(repo);
  const project = await startWebServer((request, response) => serveFiles(repo, request, response));
  const chroot = await openChroot('13-x86_64');
  const left: (() => Promise<void>)[] = [];
  const sweep = async (): Promise<void> => {
    for (const one of left.splice(0)) await one();
  };
  return {
    scratch,
    chroot,
    project,
    async build(name, options = {}) {
      const built = await buildFixture(join(scratch, 'fixtures'), name, options.in ?? chroot, options);
      left.push(() => built.pod.remove());
      return built;
    },
    async publish(built) {
      await rm(repo, { recursive: true, force: true });
      await mkdir(repo);
      for (const name of built.results.filter((one) => one.endsWith('.rpm') && !one.endsWith('.src.rpm'))) {
        await copyFile(join(built.pod.results, name), join(repo, name));
      }
      await tool(repo, 'createrepo_c', '-q', '.');
      return { id: 'copr_base', name: 'own', baseurl: project.url, gpgcheck: false, skipIfUnavailable: true };
    },
    sweep,
    async close() {
      await sweep();
      await project.stop();
      await chroot.remove();
      await directory.remove();
    },
  };
}

/** Names of the packages, without those that hold debug information. */
export function packages(built: EngineBuild): string[] {
  return built.results.filter((name) => name.endsWith('.rpm') && !name.includes('debug'));
}

export function expectSuccess(built: EngineBuild): void {
  expect(built.verdict, built.text('builder-live.log').slice(-3000) + built.output).toMatchObject({
    outcome: 'succeeded',
  });
  expect(built.code).toBe(0);
}
