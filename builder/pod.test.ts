import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { ownedByBuildUser, preparePod, runEngine } from './testing/chroot.ts';
import { tool } from './testing/context.ts';
import { baseRepo } from './testing/engine-build.ts';
import { smartGit } from './testing/git-server.ts';
import { PublisherStub } from './testing/publisher-stub.ts';
import { binaryTask } from './testing/tasks.ts';
import { serveFiles, startWebServer } from './testing/web-server.ts';
import type { Workshop } from './testing/workshop.ts';
import { openWorkshop } from './testing/workshop.ts';

/**
 * The three containers of a pod, each the real program: fetch from a dist-git, the engine in the chroot, and the agent,
 * whose publisher is away half of the time.
 */

let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
}, 900_000);
afterAll(() => workshop?.close());

function builder(command: string, env: Record<string, string>): { done: Promise<number | null>; end(): void } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), command], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', KOPR_LOG_LEVEL: 'warn', ...env },
    stdio: 'ignore',
  });
  return { done: new Promise((resolve) => child.on('exit', resolve)), end: () => void child.kill('SIGTERM') };
}

/** A dist-git with the content of an SRPM: the spec in git, everything else in the lookaside cache. */
async function importSource(name: string): Promise<{ commit: string; root: string }> {
  const root = join(workshop.scratch, 'distgit');
  await mkdir(join(root, 'tree'), { recursive: true });
  const srpm = (await readdir(join(workshop.scratch, 'fixtures'))).find((file) => file.startsWith(`${name}-`)) ?? '';
  const defines = ['--define', `_topdir ${root}`, '--define', `_dbpath ${root}/db`];
  await tool(root, 'rpm', ...defines, '-i', '--nosignature', join(workshop.scratch, 'fixtures', srpm));
  const lines: string[] = [];
  for (const file of await readdir(join(root, 'SOURCES'))) {
    const hash = createHash('sha512')
      .update(await readFile(join(root, 'SOURCES', file)))
      .digest('hex');
    const place = join(root, 'lookaside', file, 'sha512', hash);
    await mkdir(place, { recursive: true });
    await copyFile(join(root, 'SOURCES', file), join(place, file));
    lines.push(`SHA512 (${file}) = ${hash}\n`);
  }
  await copyFile(join(root, 'SPECS', `${name}.spec`), join(root, 'tree', `${name}.spec`));
  await writeFile(join(root, 'tree', 'sources'), lines.join(''));
  await tool(join(root, 'tree'), 'git', 'init', '-q');
  await tool(join(root, 'tree'), 'git', 'add', '.');
  await tool(join(root, 'tree'), 'git', 'commit', '-qm', 'import');
  await tool(root, 'git', 'clone', '-q', '--bare', 'tree', join('git', name));
  return { commit: await tool(join(root, 'tree'), 'git', 'rev-parse', 'HEAD'), root };
}

it('a pod fetches, builds and uploads a package', { timeout: 120_000 }, async () => {
  const { commit, root } = await importSource('hello');
  const distgit = await startWebServer((request, response) =>
    request.url?.startsWith('/lookaside/')
      ? serveFiles(root, request, response)
      : smartGit(join(root, 'git'), request, response),
  );
  const stub = new PublisherStub({
    token: 'the-token',
    fault: (_request, count) => (count % 2 === 0 ? 'lost-reply' : undefined),
  });
  const publisherURL = await stub.start();
  const pod = await preparePod();
  const task = binaryTask(
    {
      repoURL: `${distgit.url}/hello`,
      commit,
      lookasideURL: `${distgit.url}/lookaside`,
      repos: [baseRepo(workshop.chroot)],
    },
    { publisherURL },
  );
  await writeFile(join(pod.path, 'task.json'), JSON.stringify(task));
  await writeFile(join(pod.path, 'token'), 'the-token\n');
  const env = {
    KOPR_TASK_FILE: join(pod.path, 'task.json'),
    KOPR_TOKEN_FILE: join(pod.path, 'token'),
    KOPR_WORK_DIR: pod.work,
    KOPR_RESULTS_DIR: pod.results,
    KOPR_CONTROL_DIR: pod.control,
    KOPR_ENGINES_DIR: join(import.meta.dirname, 'engines'),
  };
  expect(await builder('fetch', env).done).toBe(0);
  // The only path in the plan; here the fetch container and the chroot see the volume at different places.
  const conf = join(pod.work, 'plan', 'dnf.conf');
  await writeFile(conf, (await readFile(conf, 'utf8')).replace(pod.work, '/kopr/work'));
  await ownedByBuildUser(pod.work);
  await ownedByBuildUser(pod.results);

  const agent = builder('agent', env);
  const started = systemClock.monotonic();
  const engine = await runEngine(workshop.chroot, pod);
  const seconds = (systemClock.monotonic() - started) / 1000;
  expect(engine.code, engine.output).toBe(0);
  // The kubelet ends the sidecar when the build container has ended.
  agent.end();
  expect(await agent.done).toBe(0);

  expect(stub.manifest?.verdict).toMatchObject({ outcome: 'succeeded' });
  const names = stub.manifest?.files.map((file) => file.name);
  expect(names).toEqual(
    expect.arrayContaining(['hello-2.12-1.pb13.x86_64.rpm', 'hello-2.12-1.pb13.src.rpm', 'hello.spec', 'build.log']),
  );
  for (const file of stub.manifest?.files ?? []) expect(stub.files.get(file.name)?.length).toBe(file.size);
  expect(stub.log()).toBe(await readFile(join(pod.results, 'builder-live.log'), 'utf8'));
  expect(stub.log()).toMatch(
    /kopr: phase fetch\n.*kopr: phase rpmbuild at .*kopr: succeeded: the packages were built\n$/s,
  );
  expect(seconds).toBeLessThan(60);
  await Promise.all([distgit.stop(), stub.stop(), pod.remove()]);
});
