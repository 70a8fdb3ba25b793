/** The cluster for the rest of the API; see world.ts for what it offers. */
export type * from './world.ts';
