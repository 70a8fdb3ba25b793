/** Every route of the API. Each module of routes adds its array here. */
import type { AnyRoute } from '../http/route.ts';
import { docsRoutes } from '../openapi/routes.ts';
import { logRoutes } from './logs.ts';

const described: readonly AnyRoute[] = [...logRoutes];

export const routes: readonly AnyRoute[] = [...described, ...docsRoutes(described)];
