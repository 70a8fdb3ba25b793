import type { Build } from '../../crds/build.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { Project } from '../../crds/project.ts';
import type { ProjectRepositories } from '../../lib/protocol/publisher.ts';
import type { NotYet } from '../shared/ask.ts';

/**
 * What the publisher said; `pending` while it works, `refused` when it will not, `unavailable` when it did not answer as it
 * should.
 */
export type Answer = ProjectRepositories | NotYet;

/** Directories (`hello:pr:7`) by what became of them. */
export interface DirectoryAnswers {
  done: string[];
  pending: string[];
  refused: { dirname: string; code: string; message: string }[];
}

/** Everything a decision about one Project is made from. */
export interface ProjectWorld {
  project: Project;
  owner: { owner: string } | { problem: string };
  /** Another namespace that has the same owner, as a sentence. */
  conflict: string | undefined;
  /** Another Project that has the same name, as a sentence. */
  nameTaken: string | undefined;
  /** Chroots by their real name. */
  chroots: ReadonlyMap<string, Chroot>;
  builds: readonly Build[];
  /** Newest generation that a finished build stage has reported, by chroot. */
  published: ReadonlyMap<string, number>;
  /** The publisher's answers of this reconcile. */
  repositories?: Answer;
  directories?: DirectoryAnswers;
}
