import { TerminalError } from '../../lib/errors.ts';
import type { ImportRequest } from '../../lib/protocol/distgit.ts';
import type { PublicationRequest } from '../../lib/protocol/publisher.ts';
import { SOURCE_CHROOT } from '../../lib/protocol/task.ts';
import { refusable } from '../shared/ask.ts';
import { dirnameOfStage, projectNameOfStage, resultsDirectory, taskID, urlBelow } from '../shared/names.ts';
import type { Services } from '../shared/services.ts';
import type { ChrootBuildWorld, Facts, Question } from './world.ts';
import { newestTicket } from './world.ts';

/** Answers one question of a plan. All three requests may be repeated at any time: their answers are recorded there. */
export async function answer(
  world: ChrootBuildWorld,
  question: Question,
  services: Services,
  signal: AbortSignal,
): Promise<Facts> {
  const task = taskID(world.chrootBuild, newestTicket(world)?.spec.attempt ?? 1);
  switch (question) {
    case 'task':
      return { ...world.facts, task: await refusable(() => services.taskState(task, signal)) };
    case 'publication': {
      const publication = await refusable(() => services.publish(task, publicationRequest(world), signal));
      return { ...world.facts, publication: publication ?? 'pending' };
    }
    case 'imported': {
      const imported = await refusable(() => services.importSrpm(task, importRequest(world), signal));
      return { ...world.facts, imported: imported ?? 'pending' };
    }
  }
}

export function publicationRequest(world: ChrootBuildWorld): PublicationRequest {
  const { spec } = world.chrootBuild;
  return {
    owner: spec.owner,
    project: dirnameOfStage(world.chrootBuild),
    chroot: spec.stage === 'source' ? SOURCE_CHROOT : spec.chroot,
    directory: resultsDirectory(spec.buildID, spec.package?.name),
    stage: spec.stage,
    build: spec.buildID,
    ...(world.chroot === undefined ? {} : { architecture: world.chroot.spec.architecture }),
  };
}

export function importRequest(world: ChrootBuildWorld): ImportRequest {
  const { spec, status } = world.chrootBuild;
  const { publication } = world.facts;
  const fresh =
    publication !== undefined && publication !== 'pending' && 'state' in publication ? publication.srpm : undefined;
  const srpm = fresh ?? status?.srpm;
  if (srpm === undefined)
    throw new TerminalError('NoSourcePackage', 'the source stage succeeded but left no source package');
  return {
    owner: spec.owner,
    // Directories have repositories of their own, but share the package's history.
    project: projectNameOfStage(world.chrootBuild),
    build: spec.buildID,
    srpm: { url: urlBelow(world.urls.resultsInternal, srpm.path), sha256: srpm.sha256, size: srpm.size },
    branches: spec.branches ?? [],
  };
}
