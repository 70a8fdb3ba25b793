import { describe, expect, it } from 'vitest';
import type { Builder } from '../../crds/builder.ts';
import { aMachine } from '../hook/testing/objects.ts';
import { ago, aTicket, NOW } from '../testing/objects.ts';
import { planChrootBuild } from './plan.ts';
import { ASSIGNED, aWorld, COMPLETE } from './testing/worlds.ts';
import type { ChrootBuildWorld } from './world.ts';

const TICKET = aTicket('t', {}, { ...ASSIGNED, builder: 'cloud-00000007' });

type Session = NonNullable<NonNullable<Builder['status']>['session']>;

/** A machine that serves the stage, or, with another ticket, one that has gone on to the next. */
function withMachine(session: Partial<Session> | undefined, more: Partial<ChrootBuildWorld> = {}): ChrootBuildWorld {
  const { uid = '', name } = TICKET.metadata;
  const ticket = { namespace: 'demo', name, uid };
  const status: NonNullable<Builder['status']> = {
    phase: 'Running',
    startedAt: ago(9_000),
    ...(session === undefined ? {} : { session: { ticket: uid, phase: 'Starting', ...session } }),
  };
  return aWorld({ tickets: [TICKET], builder: aMachine({ spec: { ticket, sandbox: 'demo/hello' }, status }), ...more });
}

describe('a stage on a machine', () => {
  it('waits for the machine to begin, however long the machine has been up', () => {
    expect(planChrootBuild(withMachine(undefined), NOW).status).toMatchObject({ phase: 'Starting' });
  });

  it('runs since its own start, and says on which machine', () => {
    const { status } = planChrootBuild(withMachine({ phase: 'Running', startedAt: ago(7), node: 'n1' }), NOW);
    expect(status).toMatchObject({ phase: 'Running', runningAt: ago(7), message: 'builds on machine cloud-00000007' });
  });

  it('asks for its results when it has ended there, though the machine stays', () => {
    const world = withMachine({ phase: 'Ended', endedAt: ago(1) });
    expect(planChrootBuild(world, NOW).ask).toBe('task');
    expect(planChrootBuild({ ...world, facts: { task: COMPLETE } }, NOW)).toMatchObject({
      ask: 'publication',
      status: { builtAt: ago(1) },
    });
  });

  it.each(['MachineLost', 'HostKeyRefused'])('goes elsewhere after %s', (reason) => {
    const world = withMachine({ phase: 'Lost', reason, message: 'gone' }, { facts: { task: { state: 'none' } } });
    expect(planChrootBuild(world, NOW).takeTicket?.spec.attempt).toBe(2);
  });

  it('takes nothing for its own that the machine did for another ticket', () => {
    const world = withMachine({ ticket: 'another', phase: 'Lost', reason: 'MachineLost' });
    expect(planChrootBuild(world, NOW)).toMatchObject({ status: { phase: 'Starting' } });
  });
});
