import { inject } from 'vitest';
import type { BuilderTicket } from '../../../crds/builderticket.ts';
import { BuilderTickets } from '../../../crds/builderticket.ts';
import { API_VERSION } from '../../../crds/kind.ts';
import { installCRDs } from '../../../crds/testing/install.ts';
import type { ApiClient } from '../../../operator/client.ts';
import { eventually } from '../../../operator/testing/harness.ts';
import { freshNamespace, realClient } from '../../../operator/testing/realApi.ts';
import { nameOf } from '../ticket.ts';

const WAIT_MS = 30_000;

/** A namespace of its own on the real API server, and a hand that does there what the scheduler does. */
export interface World {
  client: ApiClient;
  namespace: string;
  kubeconfig: string;
  ticket(number: number): Promise<BuilderTicket | undefined>;
  /** Gives the ticket a machine that says this. */
  assign(number: number, output?: string): Promise<void>;
  /** The ticket has had a machine, which is lost. */
  fail(number: number): Promise<void>;
  /** What becomes of a closed ticket. */
  finish(number: number): Promise<void>;
  /** Waits until there is something to be seen. */
  eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
}

export async function createWorld(): Promise<World> {
  const client = await realClient();
  await installCRDs(client);
  const namespace = await freshNamespace(client, 'resalloc');
  const find = (number: number): Promise<BuilderTicket | undefined> =>
    client.get(BuilderTickets, `${namespace}/${nameOf(number)}`);

  async function tell(number: number, change: NonNullable<BuilderTicket['status']>): Promise<void> {
    const old = await find(number);
    await client.apply(
      BuilderTickets,
      {
        apiVersion: API_VERSION,
        kind: 'BuilderTicket',
        metadata: { name: nameOf(number), namespace },
        status: { ...old?.status, ...change },
      },
      { manager: 'kopr-ticket', subresource: 'status' },
    );
  }

  return {
    client,
    namespace,
    kubeconfig: inject('kubeconfig'),
    ticket: find,
    assign: (number, output) => tell(number, assigned(number, output)),
    fail: (number) => tell(number, { ...assigned(number), phase: 'Failed', reason: 'MachineLost' }),
    finish: (number) => tell(number, { phase: 'Closed', reason: 'Closed' }),
    eventually: (what, condition) => eventually(what, condition, WAIT_MS),
  };
}

function assigned(number: number, output = `host-${number}\n`): NonNullable<BuilderTicket['status']> {
  return {
    phase: 'Assigned',
    reason: 'Assigned',
    builder: `vm-${number}`,
    pool: 'vm',
    assignedAt: '2026-01-01T00:00:00Z',
    output: Buffer.from(output).toString('base64'),
  };
}
