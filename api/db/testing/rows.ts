import type { ProjectRow, RecordedBuild, RecordedChroot } from '../database.ts';

/** Rows for tests, each a whole one; what a test is about is given. */

export function aProjectRow(more: Partial<ProjectRow> = {}): ProjectRow {
  return {
    uid: 'uid-hello',
    id: 1,
    owner: 'alice',
    name: 'hello',
    namespace: 'alice',
    objectName: 'hello',
    ...more,
  };
}

export function aRecordedChroot(name: string, more: Partial<RecordedChroot> = {}): RecordedChroot {
  return {
    name,
    state: 'succeeded',
    reason: null,
    message: null,
    startedOn: 1_010,
    endedOn: 1_020,
    resultsURL: `http://results.test/alice/hello/${name}/00000001-hello`,
    logURL: null,
    packages: [],
    ...more,
  };
}

export function aRecordedBuild(
  id: number,
  more: Partial<Omit<RecordedBuild, 'build'>> & { build?: Partial<RecordedBuild['build']> } = {},
): RecordedBuild {
  const { build, ...rest } = more;
  return {
    project: aProjectRow(),
    build: {
      id,
      objectName: `hello-${id}`,
      uid: `uid-build-${id}`,
      dirname: 'hello',
      package: 'hello',
      version: `1.0-${id}`,
      state: 'succeeded',
      reason: null,
      submittedOn: 1_000,
      startedOn: 1_010,
      endedOn: 1_020,
      submitter: 'alice',
      isBackground: false,
      chroots: ['fedora-43-x86_64'],
      srpmURL: null,
      ...build,
    },
    spec: { project: 'hello' },
    source: { link: { url: 'http://sources.test/hello.src.rpm' } },
    chroots: [aRecordedChroot('srpm-builds'), aRecordedChroot('fedora-43-x86_64')],
    ...rest,
  };
}
