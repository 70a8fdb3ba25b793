/** Every route of the API. Each module of routes adds its array here. */
import type { AnyRoute } from '../http/route.ts';
import { docsRoutes } from '../openapi/routes.ts';
import { buildChrootRoutes } from './build-chroots.ts';
import { buildCreateRoutes } from './build-create.ts';
import { buildRoutes } from './builds.ts';
import { dnfRoutes } from './dnf.ts';
import { generalRoutes } from './general.ts';
import { logRoutes } from './logs.ts';
import { mockChrootRoutes } from './mock-chroots.ts';
import { monitorRoutes } from './monitor.ts';
import { packageRoutes } from './packages.ts';
import { permissionRoutes } from './permissions.ts';
import { projectChrootRoutes } from './project-chroots.ts';
import { projectRoutes } from './projects.ts';

const described: readonly AnyRoute[] = [
  ...generalRoutes,
  ...projectRoutes,
  ...permissionRoutes,
  ...projectChrootRoutes,
  ...mockChrootRoutes,
  ...buildRoutes,
  ...buildCreateRoutes,
  ...buildChrootRoutes,
  ...packageRoutes,
  ...monitorRoutes,
  ...dnfRoutes,
  ...logRoutes,
];

export const routes: readonly AnyRoute[] = [...described, ...docsRoutes(described)];
