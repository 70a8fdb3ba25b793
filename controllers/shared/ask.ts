import { errorMessage, TerminalError } from '../../lib/errors.ts';
import { oneSentence } from './notes.ts';

/** What a service refuses for good, as a plan gets it. */
export interface Refusal {
  refused: { code: string; message: string };
}

/** What a service that is asked until it is done may say instead of its answer. */
export type NotYet = 'pending' | { unavailable: string } | Refusal;

/** A refusal is an answer like any other: as an error it would end the reconcile, and what waits for it would hang for ever. */
export async function refusable<T>(ask: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof TerminalError) return { refused: { code: error.code, message: error.message } };
    throw error;
  }
}

/** The same, for plans that tell users of a service that does not answer. Throws only when `signal` has ended. */
export async function patientAnswer<T extends object>(
  ask: () => Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T | NotYet> {
  try {
    return (await refusable(ask)) ?? 'pending';
  } catch (error) {
    if (signal.aborted) throw error;
    return { unavailable: oneSentence(errorMessage(error), 500) };
  }
}
