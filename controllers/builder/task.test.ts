import { describe, expect, it } from 'vitest';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import type { Project } from '../../crds/project.ts';
import { taskDocument as schema } from '../../lib/protocol/task.ts';
import { aBinaryStage, aChroot, aProject, INSTALLATION } from '../testing/objects.ts';
import { taskDocument } from './task.ts';

/** Task document of a binary stage in a project with these settings. */
function binaryTask(project: Partial<Project['spec']>, spec: Partial<ChrootBuild['spec']> = {}) {
  const stage = aBinaryStage('pebble-13-x86_64');
  const named = { ...stage, spec: { ...stage.spec, ...spec } };
  const chroot = aChroot('pebble-13-x86_64', { buildrootPackages: ['rpm-build'] });
  return taskDocument(named, 1, chroot, aProject(project), INSTALLATION);
}

describe('the repositories of a build', () => {
  const options = { ...aProject().spec.options, develMode: true };
  const base = 'http://kopr-results:5002/results/demo/Hello_World';

  it.each([
    { title: 'of a project', spec: { dirname: 'Hello_World' }, project: {}, is: [['copr_base', '/']] },
    {
      title: 'of a directory',
      spec: { dirname: 'Hello_World:pr:7' },
      project: {},
      is: [
        ['copr_base', '/'],
        ['copr_coprdir', ':pr:7/'],
      ],
    },
    {
      title: 'of a project in devel mode',
      spec: { dirname: 'Hello_World' },
      project: { options },
      is: [
        ['copr_base', '/'],
        ['copr_base_devel', '/', 'devel/'],
      ],
    },
    {
      title: 'of a directory of a project in devel mode',
      spec: { dirname: 'Hello_World:custom:x' },
      project: { options },
      is: [
        ['copr_base', '/'],
        ['copr_base_devel', '/', 'devel/'],
        ['copr_coprdir', ':custom:x/'],
        ['copr_coprdir_devel', ':custom:x/', 'devel/'],
      ],
    },
  ])('$title', ({ spec, project, is }) => {
    const task = binaryTask(project, spec);
    expect(task.project).toBe(spec.dirname);
    expect(task.binary?.repos.map(({ id, baseurl, gpgkey }) => [id, baseurl, gpgkey])).toEqual(
      is.map(([id, directory, below = '']) => [
        id,
        `${base}${directory}pebble-13-x86_64/${below}`,
        `${base}/pubkey.gpg`,
      ]),
    );
    expect(task.binary?.macros).toMatchObject({ copr_projectname: 'Hello_World' });
  });

  it('have the priority of the project, and its word on modules', () => {
    const own = { ...options, develMode: false, repoPriority: 7, moduleHotfixes: true };
    expect(binaryTask({ options: own }).binary?.repos).toMatchObject([
      { id: 'copr_base', priority: 7, moduleHotfixes: true },
    ]);
  });

  it('end with those that the project names, then those of its chroot', () => {
    const task = binaryTask({
      externalRepos: [{ baseurl: 'copr://demo/libs?priority=9' }],
      chrootSettings: [
        { name: 'pebble-13-x86_64', repos: ['http://mirror.example/$chroot/'] },
        { name: 'pebble-12-i386', repos: ['http://other.example/'] },
      ],
    });
    expect(task.binary?.repos.slice(1)).toEqual([
      {
        id: 'copr_demo_libs_priority_9',
        name: 'Additional repo copr_demo_libs_priority_9',
        baseurl: 'http://kopr-results:5002/results/demo/libs/pebble-13-x86_64/',
        gpgcheck: true,
        gpgkey: 'http://kopr-results:5002/results/demo/libs/pubkey.gpg',
        priority: 9,
        skipIfUnavailable: false,
      },
      {
        id: 'http_mirror_example_chroot',
        name: 'Additional repo http_mirror_example_chroot',
        baseurl: 'http://mirror.example/pebble-13-x86_64/',
        gpgcheck: false,
        skipIfUnavailable: false,
      },
    ]);
  });
});

describe('the settings of a chroot', () => {
  const settings = {
    name: 'pebble-13-x86_64',
    packages: ['gcc', 'rpm-build'],
    modules: ['nodejs:22', '!perl'],
    with: ['a', 'b'],
    without: ['c', 'd'],
  };

  it('reach its builds, and what a Build says of a condition comes first', () => {
    const { binary: task } = binaryTask({ chrootSettings: [settings] }, { with: ['d', 'e'], without: ['b'] });
    expect(task).toMatchObject({
      buildrootPackages: ['rpm-build', 'gcc'],
      modules: ['nodejs:22', '!perl'],
      with: ['d', 'e', 'a'],
      without: ['b', 'c'],
    });
    expect(schema.shape.binary.parse(task)).toEqual(task);
  });

  it('of another chroot do not', () => {
    const { binary: task } = binaryTask({ chrootSettings: [{ ...settings, name: 'pebble-12-i386' }] });
    expect(task).toMatchObject({ buildrootPackages: ['rpm-build'], with: [], without: [] });
    expect(task).not.toHaveProperty('modules');
  });
});
