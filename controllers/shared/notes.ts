/** Why a plan does what it does. The same words serve the log, the event and the condition. */
export interface Note {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

export function normal(reason: string, message: string): Note {
  return { type: 'Normal', reason, message };
}

export function warning(reason: string, message: string): Note {
  return { type: 'Warning', reason, message };
}

export { oneSentence } from '../../lib/text/one-sentence.ts';
