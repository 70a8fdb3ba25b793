import { readFile } from 'node:fs/promises';
import { TerminalError } from '../lib/errors.ts';
import type { BinaryStage, SourceStage, TaskDocument } from '../lib/protocol/task.ts';
import { taskDocument } from '../lib/protocol/task.ts';

/** A task has exactly one stage. */
export type Stage = { kind: 'source'; source: SourceStage } | { kind: 'binary'; binary: BinaryStage };

/** Rejects with TerminalError `InvalidTask` naming the field that is wrong. */
export async function readTask(path: string): Promise<TaskDocument> {
  return parseTask(await readFile(path, 'utf8'));
}

export function parseTask(text: string): TaskDocument {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new TerminalError('InvalidTask', 'the task document is not JSON');
  }
  const parsed = taskDocument.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new TerminalError(
      'InvalidTask',
      `the task document is wrong at "${issue?.path.join('.')}": ${issue?.message}`,
    );
  }
  return parsed.data;
}

export function stageOf(task: TaskDocument): Stage {
  if (task.source && !task.binary) return { kind: 'source', source: task.source };
  if (task.binary && !task.source) return { kind: 'binary', binary: task.binary };
  throw new TerminalError('InvalidTask', 'the task document needs exactly one of "source" and "binary"');
}
