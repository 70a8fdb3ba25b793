/** Every route of the API. Each module of routes adds its array here. */
import type { AnyRoute } from '../http/route.ts';

export const routes: readonly AnyRoute[] = [];
