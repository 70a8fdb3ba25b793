/** Where the logs of builds are: told by the cluster while it has the build, after that by the history. */
import type { Build } from '../crds/build.ts';
import type { ChrootBuild } from '../crds/chrootbuild.ts';
import { SOURCE_CHROOT } from '../lib/protocol/task.ts';
import { type Condition, isTrue } from '../operator/conditions.ts';
import type { ClusterWorld } from './cluster/index.ts';
import type { BuildDetail, Database } from './db/database.ts';
import type { LogStage, LogStages } from './logs/reader.ts';

type Cluster = Pick<
  ClusterWorld,
  'build' | 'findBuild' | 'chrootBuildsOf' | 'project' | 'projectOf' | 'isBeingRemoved'
>;
interface History {
  builds: Pick<Database['builds'], 'get' | 'chroots'>;
}

export function createLogStages(cluster: Cluster, db: History): LogStages {
  function stageOf(build: Build, chroot: string): ChrootBuild | undefined {
    return cluster.chrootBuildsOf(build).find((stage) => stage.spec.chroot === chroot);
  }

  function live(build: Build, number: number, chroot: string): LogStage | undefined {
    const first = stageOf(build, chroot);
    if (first === undefined && !mayCome(build, chroot)) return undefined;
    // Remembered, because the stage may leave the cluster while its log is read.
    let path = pathOf(first?.status?.logURL);
    // One that another replica made a moment ago is not in the caches yet.
    let seen = false;
    const current = (): Build | undefined => {
      const now = cluster.build(number);
      seen ||= now !== undefined;
      return now;
    };
    current();
    return {
      path() {
        const now = current();
        path = (now && pathOf(stageOf(now, chroot)?.status?.logURL)) ?? path;
        return path;
      },
      over() {
        const now = current();
        if (now === undefined || isComplete(now)) return seen;
        return isComplete(stageOf(now, chroot));
      },
    };
  }

  /** A stage that has no object yet, but will have one unless the build ends before. */
  function mayCome(build: Build, chroot: string): boolean {
    if (isComplete(build)) return false;
    if (chroot === SOURCE_CHROOT) return true;
    const chroots = build.spec.chroots ?? cluster.projectOf(build)?.project.spec.chroots ?? [];
    return chroots.includes(chroot);
  }

  async function past({ id, project: { owner, name } }: BuildDetail, chroot: string): Promise<LogStage | undefined> {
    const project = cluster.project(owner, name);
    if (project === undefined || cluster.isBeingRemoved(project, id)) return undefined;
    const row = (await db.builds.chroots(id)).find((stage) => stage.name === chroot);
    return row && { path: () => pathOf(row.logURL ?? undefined), over: () => true };
  }

  return {
    async find(number, chroot, signal) {
      // Look-ups of Builds leave out those that are being removed.
      const cached = cluster.build(number);
      if (cached !== undefined) return live(cached, number, chroot);
      const recorded = await db.builds.get(number);
      if (recorded !== undefined) return past(recorded, chroot);
      const fresh = await cluster.findBuild(number, signal);
      return fresh && live(fresh, number, chroot);
    },
  };
}

function isComplete(object: Build | ChrootBuild | undefined): boolean {
  return isTrue(object?.status?.conditions as Condition[] | undefined, 'Complete');
}

/** `owner/dirname/chroot/directory/file`, whatever the results are called by outside. */
function pathOf(logURL: string | undefined): string | undefined {
  if (logURL === undefined || !URL.canParse(logURL)) return undefined;
  const parts = new URL(logURL).pathname.split('/').slice(-5);
  return parts.length < 5 ? undefined : parts.map(decodeURIComponent).join('/');
}
