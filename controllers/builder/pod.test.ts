import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { taskDocument as schema } from '../../lib/protocol/task.ts';
import type { Container, Pod } from '../../operator/core.ts';
import {
  aBinaryStage,
  aBuilder,
  aChroot,
  aClaim,
  aPool,
  aProject,
  aSourceStage,
  aTicket,
  INSTALLATION,
} from '../testing/objects.ts';
import { builderPod } from './pod.ts';
import { taskDocument } from './task.ts';
import type { BuilderWorld } from './world.ts';

/** A change of these files is a change of what runs strangers' code: look at it, then accept it with `vitest run -u`. */
const UID = '0b6f1f8e-3b07-4a57-9f0b-2f6c3d0c8f11';

function aWorld(more: Partial<BuilderWorld> = {}): BuilderWorld {
  const stage = aBinaryStage('pebble-13-x86_64');
  return {
    builder: aBuilder(aTicket('t')),
    claim: aClaim(aTicket('t')),
    pool: aPool('default', {
      pod: {
        workspace: { medium: 'Disk', sizeLimit: '20Gi' },
        warm: 0,
        resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { memory: '8Gi' } },
        nodeSelector: { 'kopr.dev/builders': 'true' },
        tolerations: [{ key: 'builders', operator: 'Exists' }],
        runtimeClassName: 'kata',
        priorityClassName: 'builders',
      },
    }),
    ticket: aTicket('t'),
    chrootBuild: { ...stage, metadata: { ...stage.metadata, uid: UID } },
    project: aProject({
      externalRepos: [{ baseurl: 'http://mirror.example/extra/', gpgkey: 'http://mirror.example/key', priority: 50 }],
    }),
    chroot: aChroot('pebble-13-x86_64', {
      distTag: '.pb13',
      buildrootPackages: ['buildsys-build'],
      repos: [{ id: 'base', baseurl: 'http://mirror.example/pebble/13/', gpgkey: 'http://mirror.example/pebble.key' }],
    }),
    pod: undefined,
    ...more,
  };
}

function sourceWorld(): BuilderWorld {
  const stage = aSourceStage();
  return aWorld({ chrootBuild: { ...stage, metadata: { ...stage.metadata, uid: UID } }, chroot: undefined });
}

const binary = builderPod(aWorld(), 'localhost/pebble:13', INSTALLATION);
const source = builderPod(sourceWorld(), undefined, { ...INSTALLATION, hostAliases: [] });

function containers(pod: Pod): Container[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
}

function yaml(pod: Pod): string {
  return stringify(pod, { aliasDuplicateObjects: false });
}

interface Mount {
  name: string;
  readOnly?: boolean;
}

function mountsOf(container: Container | undefined): Mount[] {
  return (container?.volumeMounts ?? []) as Mount[];
}

function volumesOf(container: Container | undefined): string[] {
  return mountsOf(container).map(({ name }) => name);
}

describe('the builder pod', () => {
  it('of a binary stage is as agreed', async () => {
    await expect(yaml(binary)).toMatchFileSnapshot('testdata/pod-binary.yaml');
  });

  it('of a source stage is as agreed', async () => {
    await expect(yaml(source)).toMatchFileSnapshot('testdata/pod-source.yaml');
  });

  describe.each([
    ['binary', binary],
    ['source', source],
  ])('of the %s stage', (_stage, pod) => {
    it('runs in a user namespace of its own, once, with no credential of the cluster', () => {
      expect(pod.spec).toMatchObject({
        hostUsers: false,
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'serviceAccountName']) {
        expect(pod.spec).not.toHaveProperty(field);
      }
    });

    it('has no privileged container, and drops all capabilities before it adds any', () => {
      for (const container of containers(pod)) {
        expect(container.securityContext).toMatchObject({
          privileged: false,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        });
      }
    });

    it('gives the token to the agent alone', () => {
      const holders = containers(pod).filter((container) => volumesOf(container).includes('token'));
      expect(holders.map(({ name }) => name)).toEqual(['agent']);
    });

    it('gives the token for sources, if it has one, to fetch alone', () => {
      const holders = containers(pod).filter((container) => volumesOf(container).includes('source-token'));
      expect(holders.map(({ name }) => name)).toEqual(pod === binary ? ['fetch'] : []);
    });

    it('has volumes of bounded size in the pod, and none of the host', () => {
      for (const volume of pod.spec.volumes as Record<string, { sizeLimit?: string }>[]) {
        expect(Object.keys(volume).filter((key) => key !== 'name')).toEqual([volume.emptyDir ? 'emptyDir' : 'secret']);
        if (volume.emptyDir) expect(volume.emptyDir.sizeLimit).toMatch(/^\d+[GM]i$/);
      }
    });

    it('lets the agent read what the build writes, and no more', () => {
      const agent = containers(pod).find(({ name }) => name === 'agent');
      const results = mountsOf(agent).find(({ name }) => name === 'results');
      expect(results?.readOnly).toBe(true);
      expect(volumesOf(agent)).not.toContain('work');
    });

    it('shares no scratch space between the agent and the container that runs strangers’ code', () => {
      const [agent, build] = ['agent', 'build'].map((name) => containers(pod).find((each) => each.name === name));
      const written = mountsOf(build).filter(({ readOnly }) => readOnly !== true);
      const shared = written.filter(({ name }) => volumesOf(agent).includes(name));
      expect(shared.map(({ name }) => name)).toEqual(['results']);
    });

    it('is ended by the kubelet an hour after the time limit of the build', () => {
      expect(pod.spec.activeDeadlineSeconds).toBe(18000 + 3600);
    });
  });

  it('runs as root of its namespace in the binary stage only', () => {
    const roots = [...containers(source), ...containers(binary)].filter(
      ({ securityContext }) => (securityContext as { runAsUser: number }).runAsUser === 0,
    );
    expect(roots.map(({ name, image }) => [name, image])).toEqual([['build', 'localhost/pebble:13']]);
  });

  it('keeps its work in memory when the pool says so', () => {
    const pool = aPool('fast', { pod: { workspace: { medium: 'Memory', sizeLimit: '4Gi' }, warm: 0 } });
    const pod = builderPod(aWorld({ pool }), 'image', INSTALLATION);
    const work = (pod.spec.volumes as { name: string; emptyDir?: object }[]).find(({ name }) => name === 'work');
    expect(work?.emptyDir).toEqual({ medium: 'Memory', sizeLimit: '4Gi' });
  });
});

describe('the task document', () => {
  it.each([
    { stage: 'binary', world: aWorld() },
    { stage: 'source', world: sourceWorld() },
  ])('of a $stage stage is as agreed, and valid', async ({ stage, world }) => {
    const document = taskDocument(world.chrootBuild as never, 2, world.chroot, world.project, INSTALLATION);
    expect(schema.parse(document)).toEqual(document);
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(`testdata/task-${stage}.json`);
  });

  it('escapes names that URLs cannot have, and calls a group a group', () => {
    const stage = aBinaryStage('pebble-13-x86_64');
    const spec = {
      ...stage.spec,
      owner: '@team',
      package: { name: 'libstdc++', repo: '@team/hello/libstdc++', commit: 'c'.repeat(40) },
    };
    const { binary: task } = taskDocument({ ...stage, spec }, 1, aChroot('pebble-13-x86_64'), undefined, INSTALLATION);
    expect(task?.repoURL).toBe('http://kopr-distgit:5001/git/@team/hello/libstdc++');
    expect(task?.macros.vendor).toBe('kopr - group @team');
  });
});
