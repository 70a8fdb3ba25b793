import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestClient, type TestTask } from './client.ts';
import { createWorld, startPublisher, type World } from './processes.ts';

/** Keygen and a publisher that takes little: 1000 bytes of log, 100 kB a file and 150 kB a task. */
export interface Ingest {
  world: World;
  client: TestClient;
  /** Owner, project, chroot and build directory that no task has had yet, as in a task's token. */
  freshDirectory(): string;
  /** A task in a directory of its own. */
  freshTask(): Promise<TestTask>;
  resultPath(task: TestTask, ...parts: string[]): string;
  logOf(task: TestTask, name?: string): Promise<string>;
  end(): Promise<void>;
}

export async function createIngest(): Promise<Ingest> {
  const world = await createWorld(await mkdtemp(join(tmpdir(), 'kopr-ingest-')));
  const publisher = await startPublisher(world, {
    KOPR_MAX_LOG_BYTES: '1000',
    KOPR_MAX_FILE_BYTES: '100000',
    KOPR_MAX_TASK_BYTES: '150000',
  });
  const client = new TestClient(world.tokenKey, publisher.ports.http);
  let build = 0;
  const freshDirectory = (): string => {
    build++;
    return `demo/hello/pebble-13-x86_64/${String(build).padStart(8, '0')}-hello`;
  };
  const resultPath = (task: TestTask, ...parts: string[]): string =>
    join(world.data, 'results', task.owner, task.project, task.chroot, task.directory, ...parts);
  return {
    world,
    client,
    freshDirectory,
    freshTask: () => client.newTask(freshDirectory()),
    resultPath,
    logOf: (task, name = 'builder-live.log') => readFile(resultPath(task, name), 'utf8'),
    async end() {
      await publisher.end('SIGKILL');
      await world.keygen.end('SIGKILL');
      await rm(world.directory, { recursive: true, force: true });
    },
  };
}
