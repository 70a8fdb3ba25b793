import type { Registry } from 'prom-client';
import type { Dispatcher } from 'undici';
import type { Clock } from '../lib/clock.ts';
import type { Manager } from '../operator/manager.ts';
import { addBuildController } from './build/index.ts';
import { addBuilderController } from './builder/index.ts';
import { addChrootBuildController } from './chrootbuild/index.ts';
import type { OperatorConfig } from './config.ts';
import { addFleetController } from './fleet/index.ts';
import { addMachineController } from './machine/index.ts';
import { addOrphanController } from './orphan/index.ts';
import { addPackageController } from './package/index.ts';
import { addPlaceholderController } from './placeholder/index.ts';
import { addPoolController } from './pool/index.ts';
import { addProjectController } from './project/index.ts';
import { addRemovalController } from './removal/index.ts';
import { addRetentionController } from './retention/index.ts';
import { createServices } from './shared/services.ts';
import { addTicketController } from './ticket/index.ts';
import { createSchedulerMetrics } from './ticket/metrics.ts';
import { addUploadController } from './upload/index.ts';
import { createUploadStore } from './upload/publisher.ts';

export interface ControllerSetup {
  config: Omit<OperatorConfig, 'tokenKey' | 'logLevel' | 'metricsPort' | 'metricsTokenFile' | 'podName' | 'apiServer'>;
  clock: Clock;
  registry: Registry;
  tokenKey: Uint8Array;
  dispatcher: Dispatcher;
}

/** Builds and stages spend their time waiting for the API server and the services: several at once. */
const WORKERS = 8;

/** Adds every controller to a manager, in the order in which a build passes through them. */
export function addControllers(manager: Manager, setup: ControllerSetup): void {
  const { config, clock, tokenKey, registry } = setup;
  const services = createServices({
    publisherURL: config.publisherURL,
    distgitURL: config.distgitControlURL,
    tokenKey,
    clock,
    dispatcher: setup.dispatcher,
  });
  addProjectController(manager, { services, releaseNamespace: config.releaseNamespace, workers: 4 });
  addPackageController(manager);
  addBuildController(manager, { releaseNamespace: config.releaseNamespace, workers: WORKERS });
  addChrootBuildController(manager, {
    services,
    buildsNamespace: config.buildsNamespace,
    urls: { results: config.resultsURL, resultsInternal: config.resultsInternalURL },
    workers: WORKERS,
  });
  addTicketController(manager, {
    buildsNamespace: config.buildsNamespace,
    releaseNamespace: config.releaseNamespace,
    metrics: createSchedulerMetrics(registry, clock),
  });
  addPoolController(manager, { registry });
  addFleetController(manager, { buildsNamespace: config.buildsNamespace });
  addOrphanController(manager, { buildsNamespace: config.buildsNamespace });
  addPlaceholderController(manager, {
    installation: config,
    priorityClassName: config.placeholderPriorityClass,
    clock,
  });
  addBuilderController(manager, { services, installation: config, tokenKey, workers: WORKERS });
  addMachineController(manager, { services, installation: config, tokenKey, workers: WORKERS });
  addRemovalController(manager, { services, archive: config.archive });
  addRetentionController(manager, { archive: config.archive });
  addUploadController(manager, {
    uploads: createUploadStore({
      publisherURL: config.publisherURL,
      tokenKey,
      clock,
      dispatcher: setup.dispatcher,
    }),
    releaseNamespace: config.releaseNamespace,
    hours: config.uploadHours,
  });
}
