import type { Clock } from '../../lib/clock.ts';
import type { ProjectRepositories, RepositoryRequest } from '../../lib/protocol/publisher.ts';
import { patientAnswer } from '../shared/ask.ts';
import { inParallel } from '../shared/parallel.ts';
import type { Services } from '../shared/services.ts';
import type { Answer, DirectoryAnswers } from './world.ts';

/** What the publisher is asked for: the main repositories, and those of directories. */
export interface Wish {
  owner: string;
  /** Of the project, in the sense of Copr. */
  name: string;
  request: RepositoryRequest;
  directories: readonly string[];
}

/** Directories that are asked for at once. */
const AT_ONCE = 4;
/** A project may have many directories: the others are asked for by the next reconcile, which finds these done. */
const BUDGET_MS = 20_000;

interface Asking {
  services: Pick<Services, 'ensureRepositories'>;
  clock: Clock;
  signal: AbortSignal;
}

/** Asks for the main repositories, and then for the directories, which the publisher does not make before. */
export async function askPublisher(
  { owner, name, request, directories }: Wish,
  { services, clock, signal }: Asking,
): Promise<{ repositories: Answer; directories: DirectoryAnswers }> {
  const started = clock.monotonic();
  const answers: DirectoryAnswers = { done: [], pending: [], refused: [] };
  const ask = (dirname: string): Promise<Answer> =>
    patientAnswer(() => services.ensureRepositories(owner, dirname, request, signal), signal);
  const repositories = await ask(name);
  if (!isDone(repositories)) return { repositories, directories: { ...answers, pending: [...directories] } };
  await inParallel(directories, AT_ONCE, async (dirname) => {
    const answer = clock.monotonic() - started > BUDGET_MS ? 'pending' : await ask(dirname);
    if (isDone(answer)) answers.done.push(dirname);
    else if (typeof answer === 'object' && 'refused' in answer) answers.refused.push({ dirname, ...answer.refused });
    else answers.pending.push(dirname);
  });
  return { repositories, directories: answers };
}

/** The publisher has made them. */
export function isDone(answer: Answer | undefined): answer is ProjectRepositories {
  return typeof answer === 'object' && 'state' in answer;
}
