import { ApiError } from '../api-error.ts';
import { type ResultDirectory, relativePath } from '../paths.ts';
import { buildOf, type Ownership } from './ownership.ts';

/** Why a task may not send: answers after which it never may. */

export function gone(task: string): ApiError {
  return new ApiError(410, 'TaskSuperseded', `the task ${task} was given up; nothing it sends is accepted any more`);
}

export function inUse(directory: ResultDirectory, owner: Ownership | undefined): ApiError {
  const whose =
    owner === undefined ? 'packages of another build' : `the results of another build, ${buildOf(owner.task)}`;
  return new ApiError(
    409,
    'DirectoryInUse',
    `the directory ${relativePath(directory)} holds ${whose}; submit this build again, so that it gets a number of its own`,
  );
}
