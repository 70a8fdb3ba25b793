import type { BinaryStage, SourceStage, TaskDocument } from '../../lib/protocol/task.ts';

export const TASK_ID = '0f8fad5b-d9cb-469f-a165-70867728950e.1';

export function binaryTask(
  binary: Partial<BinaryStage>,
  task: Partial<TaskDocument> = {},
): TaskDocument & { binary: BinaryStage } {
  return {
    version: 1,
    task: TASK_ID,
    owner: 'demo',
    project: 'hello',
    build: 7,
    chroot: 'pebble-13-x86_64',
    timeoutSeconds: 600,
    publisherURL: 'http://127.0.0.1:9',
    ...task,
    binary: {
      packageName: 'hello',
      repoURL: 'http://127.0.0.1:9/git/demo/hello/hello',
      commit: '0123456789012345678901234567890123456789',
      lookasideURL: 'http://127.0.0.1:9/repo/pkgs/demo/hello/hello',
      architecture: 'x86_64',
      imageRepos: false,
      repos: [],
      buildrootPackages: ['buildsys-build'],
      network: false,
      macros: {},
      with: [],
      without: [],
      ...binary,
    },
  };
}

export function sourceTask(source: SourceStage, task: Partial<TaskDocument> = {}): TaskDocument {
  const { binary: _, ...rest } = binaryTask({}, { chroot: 'srpm-builds', ...task });
  return { ...rest, source };
}
