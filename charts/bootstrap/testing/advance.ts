import type { FakeClock } from '../../../lib/testing/fakeClock.ts';

/** Lets time pass, a second at a time, until this has ended in one way or the other. */
export async function advanceUntil(running: Promise<unknown>, clock: FakeClock): Promise<void> {
  let settled = false;
  const done = (): void => {
    settled = true;
  };
  running.then(done, done);
  for (let i = 0; i < 2_000 && !settled; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (clock.sleeping > 0) await clock.advance(1_000);
  }
}
