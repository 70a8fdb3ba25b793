import type { Logger } from '../../lib/log.ts';
import type { Condition } from '../../operator/conditions.ts';
import { findCondition } from '../../operator/conditions.ts';
import type { EventRecorder } from '../../operator/events.ts';
import type { KubeObject } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Note } from './notes.ts';
import { normal, warning } from './notes.ts';

interface WithConditions {
  conditions?: unknown;
}

/**
 * What is worth saying about a change from one status to the next: that Ready has another reason. Messages alone
 * do not count, for they have numbers in them. `calm` has reasons of Ready=False that are part of a normal life.
 */
export function readyNote(
  before: WithConditions | undefined,
  after: WithConditions,
  calm: readonly string[] = [],
): Note[] {
  const old = findCondition(before?.conditions as Condition[] | undefined, 'Ready');
  const now = findCondition(after.conditions as Condition[] | undefined, 'Ready');
  if (now === undefined || old?.reason === now.reason) return [];
  const note = now.status === 'True' || calm.includes(now.reason) ? normal : warning;
  return [note(now.reason, now.message)];
}

/**
 * Says the same words in the log and as events of the object. To be called after the write that they tell of, so that
 * nothing is announced that did not come to be.
 * @param what static text of the log line, such as "build moved on"
 */
export function announce(
  to: { log: Logger; events: EventRecorder },
  object: KubeObject,
  what: string,
  notes: readonly Note[],
): void {
  const { kind } = object;
  const field = kind.charAt(0).toLowerCase() + kind.slice(1);
  for (const { type, reason, message } of notes) {
    to.log.info({ [field]: keyOf(object), reason, note: message }, what);
    to.events.event(object, type, reason, message);
  }
}
