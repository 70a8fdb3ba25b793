import { describe, expect, it } from 'vitest';
import type { Project } from '../../crds/project.ts';
import { aBuild, ago, aProject, readyStatus } from '../testing/objects.ts';
import { MAX_DIRECTORIES, missingDirectories, nameConflict } from './names.ts';

function named(name: string, createdAgo: number, status: Project['status'] = {}): Project {
  const project = aProject({ name: 'Hello_World' }, status);
  const metadata = { ...project.metadata, name, uid: `uid-${name}`, creationTimestamp: ago(createdAgo) };
  return { ...project, metadata };
}

describe('nameConflict', () => {
  it.each([
    { title: 'the older one', first: named('b', 20), second: named('a', 10) },
    { title: 'the lesser name among those of one age', first: named('a', 10), second: named('b', 10) },
    { title: 'the one that has repositories', first: named('b', 10, readyStatus()), second: named('a', 10) },
  ])('lets $title keep the name', ({ first, second }) => {
    const all = [second, first];
    expect(nameConflict(first, all)).toBeUndefined();
    expect(nameConflict(second, all)).toContain(
      `the name "Hello_World" already belongs to Project "${first.metadata.name}"`,
    );
  });
});

describe('missingDirectories', () => {
  it('has room for so many', () => {
    const directories = Array.from({ length: MAX_DIRECTORIES - 1 }, (_, n) => `hello:pr:${n}`);
    const builds = ['custom:a', 'custom:b'].map((directory) => aBuild({ directory }));
    expect(missingDirectories({ project: aProject({}, { directories }), builds })).toEqual(['hello:custom:a']);
  });
});
