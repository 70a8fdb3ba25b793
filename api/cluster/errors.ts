/** What the API server refuses, as the sentence that a user of the API can act on. */
import { DeadlineError } from '../../lib/errors.ts';
import { oneSentence } from '../../lib/text/one-sentence.ts';
import type { StatusCause } from '../../operator/apiError.ts';
import { ApiError as KubeError } from '../../operator/apiError.ts';
import { ApiError, badRequest, conflict, forbidden, notFound, unavailable } from '../http/errors.ts';

/** Names the field of the API that a path such as `spec.externalRepos[0].baseurl` stands for. */
export type NameField = (path: string) => string;

const AWAY = 'The cluster cannot be asked now; try again in a moment.';
const POLICY = /denied (?:the )?request: (.+)$/s;
/** `Invalid value: "…": ` in front of a rule's own sentence; the value may be any JSON. */
const VALUE = /^(?:Invalid value|Unsupported value|Duplicate value): (?:"(?:[^"\\]|\\.)*"|[^:]*)(?:: )?/s;
/** What etcd says of an object that is too large comes as 500 from some versions. */
const TOO_LARGE = /request is too large|larger than max/;
const MAX_LINES = 10;
const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

/** Runs a write; what it throws is an ApiError wherever the user or time can mend it. `what`: `Project alice/hello`. */
export async function translated<R>(what: string, work: () => Promise<R>, nameField?: NameField): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw translate(error, what, nameField);
  }
}

export function translate(error: unknown, what: string, nameField: NameField = (path) => path): unknown {
  if (error instanceof ApiError) return error;
  if (!(error instanceof KubeError)) return isAway(error) ? unavailable(AWAY) : error;
  const { status, message } = error;
  const policy = POLICY.exec(message)?.[1];
  if (policy !== undefined) return status === 403 ? forbidden(sentence(policy)) : badRequest(sentence(policy));
  if (status === 422 || status === 400) return badRequest(problems(error, nameField));
  if (status === 403) return refused(error);
  if (status === 404) return notFound(`${what} does not exist any more.`);
  if (status === 409) return conflict(`${what} was changed by somebody else at the same time; try again.`);
  if (status === 413 || TOO_LARGE.test(message))
    return new ApiError(413, `${what} is too large for the cluster; make its texts shorter.`);
  if (status === 429 || status >= 500) return unavailable(AWAY);
  return error;
}

/** A quota counts nothing, and refuses everything, until a controller of the cluster has first looked at it. */
export function isQuotaUnknown(error: unknown): boolean {
  return error instanceof KubeError && error.status === 403 && error.message.includes('status unknown for quota');
}

function refused(error: KubeError): unknown {
  if (isQuotaUnknown(error)) {
    return unavailable(
      'Kubernetes has not counted the quota of this owner yet, which takes it up to a minute after kopr is installed; try again then.',
    );
  }
  const quota = /exceeded quota: ([^,]+), requested: ([^,]+), used: ([^,]+), limited: (\S+)/.exec(error.message);
  if (quota) {
    return forbidden(
      `The quota of this owner is used up (${sentence(quota[3] ?? '')} of ${quota[4]}); delete something or ask the administrator for more.`,
    );
  }
  if ((error.details.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')) {
    return conflict('The namespace of this owner is being deleted; try again when it is gone.');
  }
  // kopr itself lacks a right: nothing that this user can mend, and a fault for the log.
  return error;
}

function problems({ details, message }: KubeError, nameField: NameField): string {
  const causes = (details.causes ?? []).filter((cause) => cause.message !== undefined);
  if (causes.length === 0) return sentence(message);
  const lines = new Set(causes.map((cause) => line(cause, nameField)));
  return [...lines].slice(0, MAX_LINES).join('\n');
}

function line(cause: StatusCause, nameField: NameField): string {
  const full = cause.message ?? '';
  const rule = full.replace(VALUE, '');
  const text = oneSentence(rule === '' ? full : rule, 500);
  return cause.field === undefined || cause.field === '<nil>' ? text : `${nameField(cause.field)}: ${text}`;
}

function sentence(text: string): string {
  return oneSentence(text, 500);
}

function isAway(error: unknown): boolean {
  if (error instanceof DeadlineError) return true;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && (NETWORK.has(code) || code.startsWith('UND_ERR_'))) return true;
  }
  return false;
}
