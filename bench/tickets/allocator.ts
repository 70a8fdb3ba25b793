/** The scheduler alone, as a process: what a machine's controller would do is played by the benchmark. */
import { addTicketController } from '../../controllers/ticket/index.ts';
import { createSchedulerMetrics } from '../../controllers/ticket/metrics.ts';
import { systemClock } from '../../lib/clock.ts';
import { runProgram } from '../program.ts';

await runProgram((manager, { buildsNamespace, releaseNamespace }, registry) =>
  addTicketController(manager, {
    buildsNamespace,
    releaseNamespace,
    metrics: createSchedulerMetrics(registry, systemClock),
  }),
);
