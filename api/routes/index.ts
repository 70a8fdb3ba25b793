/** Every route of the API. Each module of routes adds its array here. */
import type { AnyRoute } from '../http/route.ts';
import { docsRoutes } from '../openapi/routes.ts';
import { buildChrootRoutes } from './build-chroots.ts';
import { buildCreateRoutes } from './build-create.ts';
import { buildRoutes } from './builds.ts';
import { dnfRoutes } from './dnf.ts';
import { logRoutes } from './logs.ts';
import { monitorRoutes } from './monitor.ts';
import { packageRoutes } from './packages.ts';

const described: readonly AnyRoute[] = [
  ...buildRoutes,
  ...buildCreateRoutes,
  ...buildChrootRoutes,
  ...packageRoutes,
  ...monitorRoutes,
  ...dnfRoutes,
  ...logRoutes,
];

export const routes: readonly AnyRoute[] = [...described, ...docsRoutes(described)];
