/** The operator without its controller of builder pods: what builders do is played by the benchmark. */
import { Agent } from 'undici';
import { addControllers } from '../../controllers/controllers.ts';
import { systemClock } from '../../lib/clock.ts';
import { tokenKey } from '../../lib/protocol/token.ts';
import type { Manager } from '../../operator/manager.ts';
import { runProgram } from '../program.ts';

await runProgram((manager, config, registry) => {
  const others: Manager = {
    ...manager,
    addController: (options) => {
      if (options.name !== 'builder') manager.addController(options);
    },
  };
  addControllers(others, {
    config,
    clock: systemClock,
    registry,
    tokenKey: tokenKey(config.tokenKey),
    dispatcher: new Agent({ connections: 32 }),
  });
});
