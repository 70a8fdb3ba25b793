import { z } from 'zod';
import type { BuilderTicket } from '../../crds/builderticket.ts';
import { builderTicketSpec } from '../../crds/builderticket.ts';
import { Fault } from './fault.ts';
import type { Parameter, Result } from './xmlrpc.ts';

/** Whose tickets they are, for quotas and fair shares. */
export const OWNER = 'resalloc';
/** Keeps the trust domains of another Copr apart from ours: alice over there need not be alice here. */
export const SANDBOX_PREFIX = 'resalloc:';
/** When a ticket was closed, so that it can be forgotten a day later. */
export const CLOSED_AT = 'kopr.dev/closed-at';

const NAME = /^resalloc-([1-9][0-9]{0,9})$/;
const MAX_NUMBER = 2_147_483_647;
const MAX_SANDBOX = 600 - SANDBOX_PREFIX.length;
const SHOWN = 80;

const spec = builderTicketSpec.shape;
const tagList = z.array(z.string());

export function nameOf(number: number): string {
  return `resalloc-${number}`;
}

/** Undefined for a name that this service has not given. */
export function numberOf(name: string): number | undefined {
  const text = NAME.exec(name)?.[1];
  return text === undefined ? undefined : Number(text);
}

/** What a client asks for. */
export interface Wish {
  /** Each once. */
  tags: string[];
  /** Absent: a sandbox of its own, which no other ticket shares. */
  sandbox: string | undefined;
}

/** Throws a Fault for what no ticket can ask for. */
export function wishOf(parameters: readonly Parameter[]): Wish {
  const [tags = null, sandbox = null, ...more] = parameters;
  if (more.length > 0) throw wrong('takeTicket takes two parameters at most, tags and a sandbox');
  const list = tagList.safeParse(tags ?? []);
  if (!list.success) throw wrong('the tags must be a list of strings');
  if (sandbox !== null && typeof sandbox !== 'string') throw wrong('the sandbox must be a string');
  if (sandbox !== null && sandbox.length > MAX_SANDBOX) {
    throw wrong(`the sandbox has ${sandbox.length} characters; ${MAX_SANDBOX} are possible`);
  }
  return { tags: checkedTags([...new Set(list.data)]), sandbox: sandbox || undefined };
}

function checkedTags(tags: string[]): string[] {
  for (const tag of tags) {
    const issue = spec.tags.element.safeParse(tag).error?.issues[0];
    if (issue) throw wrong(`the tag ${shown(tag)} is not possible: ${issue.message}`);
  }
  if (!spec.tags.safeParse(tags).success) throw wrong(`${tags.length} tags are more than a ticket can ask for`);
  return tags;
}

/** The number that three of the methods take. */
export function ticketNumberOf(method: string, parameters: readonly Parameter[]): number {
  const [number, ...more] = parameters;
  if (typeof number === 'number' && more.length === 0) return number;
  throw wrong(`${method} takes one parameter, the number of a ticket`);
}

function wrong(message: string): Fault {
  return new Fault('wrongParameters', message);
}

function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
}

/**
 * The architecture that a machine must have. Tags alone decide where a client names none, or several: pools list them as
 * tags, too. Copr marks a machine's own and emulated architectures with a suffix; they are the same architecture.
 */
export function architectureOf(tags: readonly string[]): string {
  const named = tags
    .map((tag) => /^arch_(.+?)(?:_native|_emulated)?$/.exec(tag)?.[1])
    .filter((architecture) => architecture !== undefined && architecture !== 'noarch');
  const [first, ...others] = new Set(named);
  if (first === undefined || others.length > 0 || !spec.architecture.safeParse(first).success) return 'noarch';
  return first;
}

/** @param ownSandbox an unguessable name, for a client that gives none */
export function ticketFor(
  number: number,
  namespace: string,
  { tags, sandbox }: Wish,
  ownSandbox: string,
): Pick<BuilderTicket, 'metadata' | 'spec'> {
  if (number > MAX_NUMBER) throw new Fault('internal', `${number} is more than a number of XML-RPC can be`);
  return {
    metadata: {
      name: nameOf(number),
      namespace,
      labels: { 'app.kubernetes.io/part-of': 'kopr', 'app.kubernetes.io/component': 'resalloc' },
    },
    spec: {
      owner: OWNER,
      environment: 'machine',
      sandbox: SANDBOX_PREFIX + (sandbox ?? ownSandbox),
      architecture: architectureOf(tags),
      tags,
      attempt: 1,
      priority: 0,
      closed: false,
    },
  };
}

/** What the machine's hook printed; undefined before the ticket has got a machine, and kept for ever after. */
export function outputOf({ status }: BuilderTicket): Buffer | undefined {
  if (status?.output !== undefined) return Buffer.from(status.output, 'base64');
  return status?.assignedAt === undefined ? undefined : Buffer.alloc(0);
}

/** Why clients need not wait for a machine any longer. */
export function isOver({ spec: { closed }, status }: BuilderTicket): boolean {
  return closed || status?.phase === 'Failed';
}

/** The answer of collectTicket. A number that nobody has, or no longer, is told apart by `ready` alone. */
export function collected(ticket: BuilderTicket | undefined): Result {
  if (ticket === undefined) return { ready: null, output: null, closed: false, failed: false };
  const output = outputOf(ticket);
  return {
    ready: output !== undefined,
    output: output ?? null,
    closed: ticket.spec.closed,
    failed: !ticket.spec.closed && ticket.status?.phase === 'Failed',
  };
}
